"""The history of a rollout: transitions and changes of verdicts, with who and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.cli.rollout.admin import Entry
from gateway.cli.rollout.words import SIGNS, clock, said, weight

WIDE = 100
"""Columns from which it is a table."""
VERDICT = "verdict"
"""The cause of an entry that moved nothing: what was found is another thing than before."""


def transitions(entries: Iterable[Entry]) -> list[Entry]:
    """Without the changes of verdicts."""
    return [entry for entry in entries if entry["cause"] != VERDICT]


def explained(entries: Iterable[Entry]) -> list[Entry]:
    """With, among a verdict's reasons, whose verdict is another one than in the entry before it."""
    told: list[Entry] = []
    before: Entry = {}
    for entry in entries:
        changed = list(_changed(before, entry)) if entry["cause"] == VERDICT else []
        told.append({**entry, "reasons": [*changed, *(entry.get("reasons") or ())]})
        before = entry if entry.get("guardrails") else before
    return told


def _changed(before: Entry, entry: Entry) -> Iterator[str]:
    if any(before.get(name) != entry.get(name) for name in ("epoch", "period")):
        return  # every period begins anew
    for metric, verdict in (entry.get("guardrails") or {}).items():
        earlier = before["guardrails"].get(metric, verdict)
        if earlier != verdict:
            yield f"{metric}: {earlier} → {verdict}"


def history(entries: Sequence[Entry], width: int) -> RenderableType:
    """A table, the oldest first; where `width` columns are too few for one, some lines an entry."""
    if width < WIDE:
        return Group(*(_lines(entry) for entry in entries))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("time (UTC)", "from → to", "weight", "cause", "actor"):
        table.add_column(name, no_wrap=True)
    table.add_column("reasons", ratio=1)
    for entry in entries:
        table.add_row(
            clock(entry["time"]), _moved(entry), weight(entry["weight"]), said(str(entry["cause"])),
            Text(str(entry["actor"])), Text("\n".join(_reasons(entry))),
        )  # fmt: skip
    return table


def line(entry: Entry) -> str:
    """One plain line."""
    time = clock(entry["time"]).replace(" ", "T")
    told = f"{time}Z  {_moved(entry).plain} at {weight(entry['weight'])}"
    why = "; ".join(_reasons(entry))
    return f"{told} ({said(str(entry['cause']))}, by {entry['actor']})" + (f": {why}" if why else "")


def _lines(entry: Entry) -> RenderableType:
    head = Text.assemble((clock(entry["time"]), "dim"), "  ", _moved(entry), f"  {weight(entry['weight'])}")
    who = Text(f"{said(str(entry['cause']))}, by {entry['actor']}")
    why = (Text(reason, style="dim") for reason in _reasons(entry))
    return Group(head, *(Padding(text, (0, 0, 0, 4), expand=False) for text in (who, *why)))


def _moved(entry: Entry) -> Text:
    before, after = str(entry["from"]), str(entry["to"])
    colour = SIGNS.get(after, ("", ""))[1]
    if entry["cause"] == VERDICT:
        verdict = entry.get("verdict") or {}
        return Text(f"{said(after)}: {verdict.get('value', '')}", style="dim")
    if before == after and entry.get("stage"):
        return Text(f"{said(after)}, stage {entry['stage']}", style=f"bold {colour}")
    return Text.assemble(f"{said(before)} → ", (said(after), f"bold {colour}"))


def _reasons(entry: Entry) -> Iterator[str]:
    for reason in entry.get("reasons") or ():
        # People write reasons: none of them commands somebody else's terminal, or makes two lines of one.
        yield "".join(sign if sign.isprintable() else " " for sign in str(reason))
    if entry.get("authentic") is False:
        yield "not authentic: its signature does not fit any key that is known"
