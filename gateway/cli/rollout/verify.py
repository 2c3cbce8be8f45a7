"""Decisions made again, here, from what each was made of: whether the same comes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from gateway.cli.rollout.admin import Entry
from gateway.cli.rollout.history import line
from gateway.control.controller.audit import entry_of, recorded
from gateway.control.controller.events import line_of
from routing.rollout.document import InvalidDocument
from routing.rollout.record import found, look_again

UNREADABLE = "record"
"""What differs where there is nothing to compare with."""
NO_RECORD = (InvalidDocument, msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError)
"""What may come of data that only looks like a record."""


class Verified(NamedTuple):
    """An entry of the history, and whether it comes out again; None: nothing was decided by counts.

    `differs` names what came out otherwise: `document`, `evaluation`, `transition`, or fields of the entry.
    """

    entry: Entry
    same: bool | None
    differs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        kept = {name: self.entry.get(name) for name in ("time", "revision", "cause", "from", "to", "weight")}
        return {**kept, "same": self.same, "differs": list(self.differs)}


def verify(entries: Iterable[Entry]) -> Iterator[Verified]:
    """Makes every decision again; entries come with their records."""
    for entry in entries:
        if "record" not in entry:
            yield Verified(entry, None)
            continue
        differs = tuple(_differences(entry))
        yield Verified(entry, not differs, differs)


def _differences(entry: Entry) -> Iterator[str]:
    try:
        kept = recorded(entry)
        plan, step = look_again(kept)
        before = kept["found"]
        yield from (name for name, value in found(step).items() if before[name] != value)
    except NO_RECORD:
        yield UNREADABLE
        return
    said = line_of(entry_of(None, step, plan, None, kept["now"]))
    yield from (name for name, value in said.items() if name != "time" and entry.get(name) != value)


def summary(name: str, verified: Iterable[Verified], version: str) -> RenderableType:
    """What people are told: a line if all is well, else each entry that came out otherwise."""
    told = list(verified)
    made = [one for one in told if one.same is not None]
    wrong = [one for one in made if not one.same]
    if not made:
        return Text(f"{name}: nothing was decided by counts yet")
    head = f"{name}: {len(made)} decision{'s' * (len(made) > 1)} made again from the records: "
    if not wrong:
        rest = f"not decided by counts: {len(told) - len(made)} (orders and beginnings)"
        return Group(Text(f"{head}the same came out"), Text(rest, style="dim"))
    lines = [Text(f"{line(one.entry)}\n    differs: {', '.join(one.differs)}") for one in wrong]
    hint = f"made again by headgate {version}: another version may come to other figures"
    head = f"{head}{len(wrong)} otherwise"
    return Group(Text(head, style="bold red"), *lines, Text(hint, style="dim"))
