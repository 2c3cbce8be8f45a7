"""The list of rollouts: a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from gateway.cli.rollout.admin import Reading, name_of
from gateway.cli.rollout.words import SIGNS, UNKNOWN, VERDICTS, duration, moment, phase, weight

WIDE, NARROW = 100, 76
"""Columns from which everything is shown; columns below which only what matters most is."""


def listing(readings: Sequence[Reading], now: datetime, width: int) -> Table:
    """A table of `width` columns; where that is narrow, of what matters most."""
    names = ["name", "phase", "weight", "verdict"]
    if width >= NARROW:
        names.insert(2, "stage")
    if width >= WIDE:
        names += ["for", "mode", "candidate", "baseline"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for reading in readings:
        cells = _cells(reading, now, short=width < NARROW)
        table.add_row(*(cells[name] for name in names))
    return table


def _cells(reading: Reading, now: datetime, *, short: bool) -> dict[str, Text]:
    """By column; `short` is without reasons."""
    name = str(reading["phase"])
    sign, colour = SIGNS.get(name, ("?", ""))
    since = moment(reading.get("since"))
    told = phase(name, None if short else reading.get("phase_reason"))
    return {
        "name": Text(str(name_of(reading)), style="bold"),
        "phase": Text(f"{sign} {told}", style=colour),
        "stage": Text(f"{reading['stage']}/{len(reading['stages'])}"),
        "weight": Text(weight(reading["weight"])),
        "verdict": _verdict(reading, short),
        "for": Text(UNKNOWN if since is None else duration((now - since).total_seconds())),
        "mode": Text(str(reading["mode"])),
        "candidate": Text(str(reading["candidate"])),
        "baseline": Text(str(reading["baseline"])),
    }


def _verdict(reading: Reading, short: bool) -> Text:
    if reading.get("recommendation"):
        return Text(f"{reading['recommendation']} recommended", style="bold yellow")
    if reading.get("settle"):
        return Text("to be settled", style="yellow")
    verdict = reading["verdict"]
    sign, colour = VERDICTS.get(str(verdict["value"]), ("?", ""))
    told = verdict["value"] if short else f"{verdict['value']}, {verdict['action']}"
    return Text(f"{sign} {told}", style=colour)
