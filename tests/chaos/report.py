"""The table on the screen, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.chaos.row import Finding

MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "–"}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Prints the table, and below it what is not as it must be, in detail."""
    table = Table(title="Faults: what must be seen, and what was", show_lines=True)
    for title in ("fault", "expected", "measured"):
        table.add_column(title, overflow="fold")
    table.add_column("held", justify="center")
    for finding in findings:
        row = finding.row
        table.add_row(
            escape(row.fault), escape(row.expected), escape(finding.measured()), MARKS[finding.held]
        )
    console.print(table)
    for line in [line for finding in findings for line in finding.broken()]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def save(findings: Sequence[Finding], path: Path, *, short: bool) -> None:
    """Writes every figure."""
    document = {
        "short": short,
        "machine": {
            "system": platform.platform(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "rows": [
            {
                "row": finding.row.key,
                "fault": finding.row.fault,
                "expected": finding.row.expected,
                "measured": finding.measured(),
                "held": finding.held,
                "seconds": round(finding.seconds, 2),
                "figures": [asdict(figure) for figure in finding.figures],
            }
            for finding in findings
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
