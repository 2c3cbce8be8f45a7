"""The figures of everybody side by side, and how many times another's rate Headgate's is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.installed import how
from tests.bench.peers.session import NAMES, Readings

ROWS = (
    ("requests/s, 32 connections", "closed", "rate"),
    ("CPU µs a request, all processes", "closed", "cpu_request"),
    ("requests/s, 32 connections, users' first requests", "new", "rate"),
    ("p50 µs, 32 connections", "closed", "p50"),
    ("requests/s, 1 connection", "one", "rate"),
    ("chunks/s, 8 streams, saturated", "streams", "event_rate"),
    ("CPU µs a stream, saturated", "streams", "cpu_request"),
    ("resident MB, all processes", "process", "resident"),
    ("seconds from spawn to ready", "process", "ready"),
)


@dataclass(frozen=True)
class Goal:
    """How many times the other's requests a second are to be reached."""

    other: str
    times: float


GOALS = (Goal("litellm", 200.0), Goal("tensorzero", 3.5))


def times(readings: Readings, other: str) -> float:
    """Headgate's requests a second at 32 connections over another's: the median of the rounds' ratios."""
    ours, theirs = readings["closed", "headgate"], readings["closed", other]
    return median(our["rate"] / their["rate"] for our, their in zip(ours, theirs, strict=True))


def show(readings: Readings, console: Console) -> None:
    """Prints the table and the goals."""
    table = Table(title="Headgate beside its peers: one core for each, medians of interleaved rounds")
    table.add_column("row")
    for name in NAMES:
        table.add_column(name, justify="right", no_wrap=True)
    for title, scenario, figure in ROWS:
        table.add_row(title, *(_figure(readings, scenario, name, figure) for name in NAMES))
    console.print(table)
    console.print(how())
    for goal in GOALS:
        reached = times(readings, goal.other)
        mark = "[green]✓[/]" if reached >= goal.times else "[red]✗[/]"
        console.print(f"{mark} {reached:,.1f} × the requests/s of {goal.other} (to reach: {goal.times:g} ×)")


def save(readings: Readings, path: Path) -> None:
    """Writes every round's readings and the ratios."""
    document = {
        "times": {goal.other: times(readings, goal.other) for goal in GOALS},
        "readings": [
            {"scenario": scenario, "contestant": name, "rounds": rounds}
            for (scenario, name), rounds in readings.items()
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _figure(readings: Readings, scenario: str, name: str, figure: str) -> str:
    rounds = readings.get((scenario, name))
    if not rounds:
        return "–"
    value = median(reading[figure] for reading in rounds)
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
