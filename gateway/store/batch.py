"""A batch of facts or reports on its way into a store, whichever it is.

A store reads the states of the units that a batch touches, has `advance` fold the facts in, and writes what
comes back, in one transaction or on the condition that nobody else has written meanwhile. The folding is the
same code everywhere, and doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple, TypeVar

import msgspec

from gateway.store.base import Handle, Tampered
from routing.decision import COMPARED
from routing.evidence import cells, outcomes, unit
from routing.evidence.cells import Evidence
from routing.evidence.fact import Cohort, Fact
from routing.evidence.outcomes import Outcomes, Receipt, Report
from routing.evidence.tally import Counts, Place, Tally

Of = TypeVar("Of")
Told = TypeVar("Told")


class Advance(NamedTuple):
    """What a batch changes: new states of units, and by how much which counters move."""

    states: dict[int, bytes]
    counts: Counts


def parts(groups: Mapping[Of, Told], size: int) -> Iterator[Mapping[Of, Told]]:
    """The groups, `size` a part: no part keeps others waiting for long."""
    if len(groups) <= size:
        yield groups
        return
    items = list(groups.items())
    for start in range(0, len(items), size):
        yield dict(items[start : start + size])


def advance(
    cohort: Cohort, states: Mapping[int, bytes], units: Mapping[int, Sequence[Fact]], depth: int
) -> Advance:
    """What the facts of a cohort's `units` make of the states that were read; units without one are new."""
    changed: dict[int, bytes] = {}
    tally = Tally()
    fresh: dict[Place, list[Fact]] = {}
    period, compared = cohort
    for key, facts in units.items():
        stored = states.get(key, b"")
        if not stored and len(facts) == 1:
            fact = facts[0]
            changed[key] = unit.encode(facts)
            place = period, compared, fact.reference, fact.stratum, fact.candidate
            alike = fresh.get(place)
            if alike is None:
                fresh[place] = [fact]
            else:
                alike.append(fact)
            continue
        old = _state(stored)
        new = unit.fold(old, facts, depth)
        state = unit.encode(new)
        if state != stored:
            changed[key] = state
            tally.change(cohort, old, new)
    for place, alike in fresh.items():
        tally.add_fresh(place, alike)
    return Advance(changed, tally.counts())


def _state(stored: bytes) -> unit.Unit:
    """A stored state. One that cannot be read is begun anew: it must not hold up every batch after it."""
    try:
        return unit.decode(stored) if stored else ()
    except msgspec.DecodeError:
        return ()


def noted(stored: bytes, reports: Sequence[Report]) -> tuple[bytes, list[Receipt]]:
    """What reports make of a request's stored outcomes, and their receipts."""
    known, receipts = outcomes.note_all(outcomes_of(stored), reports)
    return outcomes.encode(known), receipts


def outcomes_of(stored: bytes) -> Outcomes:
    """A request's stored outcomes; none when they cannot be read."""
    try:
        return outcomes.decode(stored) if stored else ()
    except msgspec.DecodeError:
        return ()


def evidence_of(rows: Iterable[tuple[str, int | bytes]]) -> Evidence:
    """The evidence of stored counters. Raises Tampered for what cannot be one."""
    try:
        return cells.evidence_of({name: int(count) for name, count in rows})
    except ValueError:
        raise Tampered("there are counters in the store that are not ours") from None


UNIT_NAME = Struct(">IBQ")
"""Period, code of `compared`, hash."""
_request_time = Struct(">Q").pack
CODES = {compared: code for code, compared in enumerate(COMPARED)}


def unit_name(cohort: Cohort, unit: int) -> bytes:
    """A unit's name within its epoch, 13 bytes; the last one spreads evenly."""
    return UNIT_NAME.pack(cohort.period, CODES[cohort.compared], unit)


def request_name(request: Handle) -> bytes:
    """A request's name, in the order of time: what is written together lies together."""
    return _request_time(request.time) + request.nonce
