"""Outcomes: each field counts once per request, and a report handed in again gets its first answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routing.evidence.outcomes import (
    CONFLICT,
    DUPLICATE,
    RECORDED,
    Receipt,
    Report,
    Value,
    decode,
    encode,
    note_all,
)


def report(id: str, value: Value = True, field: str = "validation_passed", source: str = "app") -> Report:
    return Report(id, source, field, value, 5)


def statuses(*reports: Report) -> list[Receipt]:
    return note_all((), reports)[1]


def test_recorded_then_duplicate_then_conflict() -> None:
    assert statuses(report("1"), report("2"), report("3", False), report("4"), report("5", False)) == [
        Receipt(RECORDED, True),
        Receipt(DUPLICATE, False),
        Receipt(CONFLICT, True),
        Receipt(DUPLICATE, False),
        Receipt(CONFLICT, False),
    ]


def test_fields_and_sources_are_apart() -> None:
    told = [report("1"), report("2", 0.5, "score"), report("3", False, source="gateway")]
    assert statuses(*told) == [Receipt(RECORDED, True)] * 3


def test_a_number_is_no_truth_value() -> None:
    assert [receipt.status for receipt in statuses(report("1", True), report("2", 1))] == [RECORDED, CONFLICT]
    assert [receipt.status for receipt in statuses(report("1", 1), report("2", 1.0))] == [RECORDED, DUPLICATE]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from((True, False, 0.5)), st.sampled_from("ab")), max_size=8
    ),
    st.data(),
)
def test_a_journal_read_again_gets_the_same_answers(
    told: list[tuple[int, Value, str]], data: st.DataObject
) -> None:
    reports = [report(f"{index}", value, field) for index, (_, value, field) in enumerate(told)]
    known, receipts = note_all((), reports)
    assert decode(encode(known)) == known
    start = data.draw(st.integers(0, len(reports)))
    assert note_all(known, reports[start:]) == (known, receipts[start:])


@given(st.permutations([report("1"), report("2"), report("3", False), report("4", False)]))
def test_in_any_order_one_value_and_one_contradiction_count(reports: list[Report]) -> None:
    receipts = statuses(*reports)
    assert sorted(receipt.status for receipt in receipts if receipt.counts) == [CONFLICT, RECORDED]
