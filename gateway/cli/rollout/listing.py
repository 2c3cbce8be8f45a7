"""The list of rollouts: a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from gateway.cli.rollout.admin import Reading, name_of
from gateway.cli.rollout.words import SIGNS, UNKNOWN, VERDICTS, duration, moment, phase, weight

WIDE = 100
"""Columns from which everything is shown."""


def listing(readings: Sequence[Reading], now: datetime, width: int) -> Table:
    """A table of `width` columns; where that is narrow, of what matters most."""
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("name", "phase", "stage", "weight", "verdict"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    if wide:
        for name in ("for", "mode", "candidate", "baseline"):
            table.add_column(name, no_wrap=True, overflow="ellipsis")
    for reading in readings:
        table.add_row(*_cells(reading, now, wide))
    return table


def _cells(reading: Reading, now: datetime, wide: bool) -> list[Text]:
    name = str(reading["phase"])
    sign, colour = SIGNS.get(name, ("?", ""))
    since = moment(reading.get("since"))
    cells = [
        Text(str(name_of(reading)), style="bold"),
        Text(f"{sign} {phase(name, reading.get('phase_reason'))}", style=colour),
        Text(f"{reading['stage']}/{len(reading['stages'])}"),
        Text(weight(reading["weight"])),
        _verdict(reading),
    ]
    if wide:
        cells += [
            Text(UNKNOWN if since is None else duration((now - since).total_seconds())),
            Text(str(reading["mode"])),
            Text(str(reading["candidate"])),
            Text(str(reading["baseline"])),
        ]
    return cells


def _verdict(reading: Reading) -> Text:
    if reading.get("recommendation"):
        return Text(f"{reading['recommendation']} recommended", style="bold yellow")
    if reading.get("settle"):
        return Text("to be settled", style="yellow")
    verdict = reading["verdict"]
    sign, colour = VERDICTS.get(str(verdict["value"]), ("?", ""))
    return Text(f"{sign} {verdict['value']}, {verdict['action']}", style=colour)
