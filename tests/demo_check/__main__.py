"""`make demo-check ARGS="good --speed 2"`: runs the demo's scenarios and says how each went.

Exit 1 when one did not go as it should, or took longer than a newcomer waits.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.demo.scenario import CANDIDATES

SECONDS = 120.0
"""How long a scenario may take at speed 1, start and end included."""
WANTED: dict[str, Sequence[str]] = {
    "good": ("promoted",),
    "bad": ("rolled_back",),
    "same": ("promoted", "inconclusive"),  # it would be wrong to roll back, and no wonder to find out nothing
}


def main() -> int:
    """Runs the scenarios that were asked for."""
    parser = argparse.ArgumentParser(prog="make demo-check")
    parser.add_argument("scenarios", nargs="*", default=list(CANDIDATES), help="good, bad, same")
    parser.add_argument("--speed", type=float, default=1.0)
    asked = parser.parse_args()
    table = Table("scenario", "ended", "seconds in all", "requests", "errors", "how", "")
    missed = 0
    for scenario in asked.scenarios:
        began = monotonic()
        summary = run(scenario, asked.speed)
        seconds = monotonic() - began
        rollout = summary["rollout"]
        reached = rollout["phase"] in WANTED[scenario] and seconds <= SECONDS / min(asked.speed, 1.0)
        missed += not reached
        how = ", ".join(f"{one['weight']:g} % at {one['seconds']:.0f} s" for one in rollout["transitions"])
        table.add_row(
            scenario, rollout["phase"], f"{seconds:.0f}", str(summary["requests"]), str(summary["errors"]),
            how, "" if reached else "✗",
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    return 1 if missed else 0


def run(scenario: str, speed: float) -> dict[str, Any]:
    """The summary of a demo that ends by itself."""
    command = [
        sys.executable, "-P", "-m", "gateway.cli.main", "demo", "--scenario", scenario, "--until-settled",
        "--json", "--speed", str(speed),
    ]  # fmt: skip
    summary: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return summary


if __name__ == "__main__":
    raise SystemExit(main())
