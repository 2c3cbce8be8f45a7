"""`make bench-difficulty DATA=DIRECTORY`: every target of difficulty estimates, beside its baselines.

Cross-validated in ten folds by groups (contests, near-duplicates); seeds are 0; intervals are 95 % bootstraps
over groups. `--json=FILE` keeps the figures, from which `tests.bench.difficulty.plot` draws; `--only=ratings`
measures a part.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.bench.difficulty import measured
from tests.bench.difficulty.data import directory

APGR = {"gsm8k": 0.63, "mmlu": 0.72, "routerbench": 0.63, "livecodebench": 0.63}
RATED = {"competitive-en": (0.70, 0.84), "competitive-ko": (0.68, 0.80)}
ROUTERS = ("random", "length", "keywords", "ours", "oracle")
PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "microseconds": measured.microseconds,
    "shifted": measured.shifted,
    "disturbed": measured.disturbed,
    "ratings": measured.ratings,
    "gains": measured.gains,
}


def main(arguments: list[str]) -> None:
    """Measures, prints and keeps."""
    options = dict(one[2:].split("=", 1) for one in arguments if one.startswith("--") and "=" in one)
    path = directory(arguments, "bench-difficulty")
    keep = Path(options["json"]) if "json" in options else None
    found = json.loads(keep.read_text()) if keep is not None and keep.is_file() else {}
    for name, measure in PARTS.items():
        if name not in options.get("only", name).split(","):
            continue
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found[name] = measure(path)
        print(RENDER[name](found[name]), flush=True)
        if keep is not None:
            keep.write_text(measured.as_json(found))


def _gains(found: dict[str, Any]) -> str:
    lines = ["", "APGR (95 %), CPT(50), CPT(80)"]
    for name, figures in found.items():
        target = APGR[name.partition("-")[0]]
        lines.append(
            f"{name}: {figures['rows']} rows, weak {figures['weak']:.3f}, strong {figures['strong']:.3f}; "
            f"to reach {target:.2f}"
        )
        for router in ROUTERS:
            one = figures[router]
            lines.append(f"  {router:9} {_interval(one['apgr'])}  {one['cpt50']:.3f}  {one['cpt80']:.3f}")
    code = [figures for name, figures in found.items() if name.startswith("livecodebench")]
    means = ", ".join(
        f"{router} {fmean(one[router]['apgr'].value for one in code):.3f}" for router in ROUTERS
    )
    return "\n".join([*lines, f"livecodebench, mean of its pairs: {means}"])


def _ratings(found: dict[str, Any]) -> str:
    lines = ["", "Spearman (95 %), AUC (95 %)"]
    for task, figures in found.items():
        correlation, area = RATED[task]
        lines.append(f"{task}: {figures['rows']} rows; to reach {correlation:.2f} and {area:.2f}")
        for router in ROUTERS[:-1]:
            one = figures[router]
            lines.append(f"  {router:9} {_interval(one['spearman'])}  {_interval(one['auc'])}")
    return "\n".join(lines)


def _disturbed(found: dict[str, Any]) -> str:
    lines = [
        "",
        "share that changes segment, of the upper half and of the top fifth; the most that it should",
    ]
    for task, figures in found.items():
        lines.append(f"{task}: {figures.pop('rows')} texts")
        for name, one in figures.items():
            lines.append(f"  {name:24} {one['top 50%']:6.1%} {one['top 20%']:6.1%}  {one['limit']:.0%}")
    return "\n".join(lines)


def _shifted(found: dict[str, Any]) -> str:
    lines = [
        "",
        "share sent in the 500 requests after a shift: a constant, ours, worst of 50 runs, within 2 points",
    ]
    for name, one in found.items():
        lines.append(
            f"  {name:44} {one['constant']:6.1%} {one['ours']:6.1%} {one['worst']:+6.1%} {one['within']:5.0%}"
        )
    return "\n".join(lines)


def _microseconds(found: dict[str, Any]) -> str:
    lines = ["", "microseconds"]
    for name, figures in found.items():
        lines.append(f"  {name:38} " + "  ".join(f"{at} {value:.0f}" for at, value in figures.items()))
    return "\n".join(lines)


def _interval(found: Any) -> str:
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"


RENDER: dict[str, Callable[[dict[str, Any]], str]] = {
    "microseconds": _microseconds,
    "shifted": _shifted,
    "disturbed": _disturbed,
    "ratings": _ratings,
    "gains": _gains,
}

if __name__ == "__main__":
    main(sys.argv[1:])
