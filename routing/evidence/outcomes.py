"""Reported outcomes: each field counts once per request.

The same value again is a duplicate; another value is a conflict and counts as failed whichever came first.
A report carries an id of its own. Handed in again, because a reply was lost or a journal is read once
more, it gets the answer that it got the first time, and whoever counts by that answer counts it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

Value = bool | int | float | str

RECORDED, DUPLICATE, CONFLICT = "recorded", "duplicate", "conflict"


class Report(NamedTuple):
    """One field of an outcome. `id` is the report's own, any short text; `time` is milliseconds since 1970.

    Sources (`application`, `gateway`) do not contradict each other: which of them counts is configured.
    """

    id: str
    source: str
    field: str
    value: Value
    time: int


class Outcome(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is known of one field: its first value, and the first report that contradicted it."""

    source: str
    field: str
    value: Value
    time: int
    report: str
    contradicted_by: str = ""


Outcomes = tuple[Outcome, ...]
"""The outcomes of one request, in the order of their first reports."""


class Receipt(NamedTuple):
    """What became of a report. `counts` for the first of its value and for the first contradiction."""

    status: str
    counts: bool


def note(outcomes: Outcomes, report: Report) -> tuple[Outcomes, Receipt]:
    """Takes one report in."""
    for index, outcome in enumerate(outcomes):
        if (outcome.source, outcome.field) == (report.source, report.field):
            changed, receipt = _again(outcome, report)
            return (*outcomes[:index], changed, *outcomes[index + 1 :]), receipt
    first = Outcome(report.source, report.field, report.value, report.time, report.id)
    return (*outcomes, first), Receipt(RECORDED, True)


def _again(outcome: Outcome, report: Report) -> tuple[Outcome, Receipt]:
    """Takes in a report of a field that one has told of before."""
    if report.id == outcome.report:
        return outcome, Receipt(RECORDED, True)
    if type(report.value) is bool or type(outcome.value) is bool:
        same = report.value is outcome.value
    else:
        same = report.value == outcome.value
    if same:
        return outcome, Receipt(DUPLICATE, False)
    if outcome.contradicted_by:
        return outcome, Receipt(CONFLICT, report.id == outcome.contradicted_by)
    contradicted = Outcome(
        outcome.source, outcome.field, outcome.value, outcome.time, outcome.report, report.id
    )
    return contradicted, Receipt(CONFLICT, True)


def note_all(outcomes: Outcomes, reports: Iterable[Report]) -> tuple[Outcomes, list[Receipt]]:
    """Takes in reports in their order."""
    receipts = []
    for report in reports:
        outcomes, receipt = note(outcomes, report)
        receipts.append(receipt)
    return outcomes, receipts


encode = msgspec.msgpack.Encoder().encode
"""The outcomes of a request as msgpack."""
decode = msgspec.msgpack.Decoder(Outcomes).decode
"""Raises msgspec.DecodeError."""
