"""Makes the built-in model anew: `make heuristic DATA=DIRECTORY`.

Heads for five tasks, each on the Codeforces scale, and the gate that chooses among them. Only weights leave
this machine, of words that are in several texts.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from gateway.training.fit import Recipe, fit, predictions
from gateway.training.write import head_file, matching_curve, quantiles_of, rounded
from routing.difficulty.line import Line, at
from routing.difficulty.model import HeadFile, Scale, write_model
from routing.difficulty.scales import BAEKJOON
from tests.bench.difficulty.data import digest, directory
from tests.bench.difficulty.gate import gate_of
from tests.bench.difficulty.sources import Source, competitive, even, everyday, rows_of, tier_of
from tests.bench.difficulty.techniques import techniques

OUT = Path(__file__).parents[3] / "config" / "heuristic.json"

SIZES = {"competitive-en": 18_000, "competitive-ko": 8_000, "review": 1_200, "order": 400, "other": 4_000}
"""Words, pairs and bounds that a head keeps."""
PENALTIES = {"other": 6.0, "review": 4.0, "order": 1.0}
HARD = {
    "competitive-en": 2500.0, "competitive-ko": even(16), "review": 1000.0, "order": 1000.0, "other": 1400.0,
}  # fmt: skip
"""Ratings from which on a text counts as hard for the area under the curve; of Korean problems Platinum V."""
RANGES = {"review": (800.0, 1300.0), "other": (800.0, 2100.0)}
"""Scores of these tasks are spread over a range: their order is learnt, their place is set."""


def head_of(task: str, sources: list[Source], named: dict[str, float]) -> tuple[HeadFile, dict[str, Any]]:
    """The head of a task and what it reached, cross-validated on the first source."""
    rows = rows_of(sources)
    target = rows.target
    recipe = Recipe(penalty=PENALTIES.get(task, 1.2), size=SIZES[task])
    raw = predictions(rows, recipe)
    first = slice(0, len(sources[0].bodies))
    curve = _curve(task, raw[first], target[first])
    scores = np.array([at(curve, one) for one in raw[first]])
    found = {
        "rows": len(target[first]),
        "spearman": rounded(float(spearmanr(raw[first], target[first])[0])),
        "auc": rounded(float(roc_auc_score(target[first] >= HARD[task], raw[first]))),
    }
    head = fit(rows, recipe).head
    return head_file(head, curve=curve, quantiles=quantiles_of(scores), named=named), found


def _curve(task: str, raw: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> Line:
    if task in RANGES:
        low, high = RANGES[task]
        return matching_curve(raw, low + (high - low) * np.linspace(0, 1, len(raw)) ** 1.3)
    if task == "order":
        return (800.0, 1600.0), (800.0, 1600.0)
    if task == "competitive-ko":
        return matching_curve(raw, np.array([at(BAEKJOON, tier_of(one)) for one in target]))
    return matching_curve(raw, target)


def main() -> None:
    """Makes the model and writes it."""
    path = directory(sys.argv[1:], "heuristic")
    heads, metrics = {}, {}
    gate, metrics["gate"] = gate_of(path)
    print("gate", metrics["gate"], flush=True)
    named = techniques(path)
    for task, sources in (competitive(path) | everyday(path)).items():
        heads[task], metrics[task] = head_of(task, sources, named.get(task, {}))
        print(task, metrics[task], len(heads[task].words), len(heads[task].pairs), flush=True)
    content = write_model(
        {
            "name": "heuristic",
            "target": "rating",
            "scale": Scale("codeforces", 800.0, 3500.0),
            "created": datetime.now(UTC).date().isoformat(),
            "data": {"sha256": digest(path)},
            "metrics": metrics,
            "tokens": "plain",
            "heads": heads,
            "gate": gate,
        }
    )
    OUT.write_bytes(content)
    print(f"{OUT}: {len(content)} bytes")


if __name__ == "__main__":
    main()
