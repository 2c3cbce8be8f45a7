"""The table on the screen, and the same as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.installed import how
from tests.bench.row import Line, Readings


def show(lines: Sequence[Line], console: Console) -> None:
    """Prints the table."""
    table = Table(title="Headgate beside nginx: medians of interleaved rounds")
    table.add_column("row")
    for title in ("direct", "nginx", "headgate", "ratio", "to reach"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("reached", justify="center")
    for line in lines:
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}[line.reached]
        goal = line.row.goal.text() if line.row.goal else ""
        ratio = "–" if line.ratio is None else f"{line.ratio:.2f}"
        figures = [_figure(line.direct), _figure(line.nginx), _figure(line.headgate)]
        table.add_row(line.row.title, *figures, ratio, goal, mark)
    console.print(table)
    console.print(how())


def save(lines: Sequence[Line], readings: Readings, path: Path) -> None:
    """Writes the lines and every round's readings."""
    document = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
        },
        "how": how(),
        "rows": [
            {
                "row": line.row.key,
                "title": line.row.title,
                "direct": line.direct,
                "nginx": line.nginx,
                "headgate": line.headgate,
                "ratio": line.ratio,
                "to_reach": line.row.goal.text() if line.row.goal else None,
                "reached": line.reached,
            }
            for line in lines
        ],
        "readings": [
            {"scenario": scenario, "contestant": contestant, "rounds": list(rounds)}
            for (scenario, contestant), rounds in readings.items()
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
