"""What is counted without a state of its own comes to the same evidence."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.evidence.alone import End, Group, count_alone
from routing.evidence.cells import evidence_of
from routing.evidence.ending import UNANSWERED, Ending, Endings, exposed
from routing.evidence.fact import P95, UnitKey, reported
from routing.evidence.surplus import Surplus
from routing.evidence.tally import Tally
from tests.unit.routing.test_evidence import KEY, STATUSES, folded, request

ENDS = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 10), st.floats(0, 2), st.just(-1.0) | st.floats(0, 100)),
    max_size=8,
)


@given(
    st.sampled_from([status for status in STATUSES if status not in UNANSWERED]), st.booleans(),
    st.booleans(), ENDS, st.none() | st.just(5.0),
)  # fmt: skip
def test_requests_that_are_units_count_as_if_each_had_been_folded(
    status: str, own: bool, streamed: bool, ends: list[End], p95: float | None
) -> None:
    group = Group((1, "compared", 0, 2, True), status, own, streamed, P95(p95, p95 and 1.0))
    assert group.apart
    assert not group._replace(status="timeout").apart
    many, one_by_one = Tally(), Tally()
    count_alone(many, group, ends)
    for number, (attempts, duration, first_token, cost) in enumerate(ends):
        key = UnitKey(1, "compared", number)
        ending = Ending(
            status, own, attempts, duration, streamed, first_token, cost if cost >= 0 else None
        )  # fmt: skip
        one_by_one.add(key.cohort, folded([exposed(request(key=key, candidate=True), ending, group.p95)]))
    assert evidence_of(many.counts()) == evidence_of(one_by_one.counts())


def test_an_outcome_of_a_request_that_was_counted_apart_adds_what_it_says() -> None:
    tally = Tally()
    count_alone(tally, Group((1, "compared", 0, 2, False), "ok", True, False, P95()), [(1, 0.5, 0, 0.1)])
    tally.add(KEY.cohort, folded([reported(request(), True)]))
    assert {cell.metric: count for cell, count in evidence_of(tally.counts()).cells.items()} == {
        "errors": 1, "validation_passed": 1, "needs_review": 1,
    }  # fmt: skip


@given(ENDS, st.lists(st.none() | st.floats(0, 1), min_size=8, max_size=8), st.booleans())
def test_units_of_one_fact_count_together_as_they_do_one_by_one(
    ends: list[End], scores: list[float | None], streamed: bool
) -> None:
    endings = Endings(0, 2, True, "ok", True, streamed, P95(5.0, 1.0))
    facts = []
    for number, (end, score) in enumerate(zip(ends, scores, strict=False)):
        told = reported(request(number, b"n", candidate=True), score=score)
        facts.append(endings.fact(number, b"n", *end).merged(told))
    together, one_by_one = Tally(), Tally()
    together.add_fresh((1, "compared", 0, 2, True), facts)
    for fact in facts:
        one_by_one.add(KEY.cohort, (fact,))
    assert together.counts() == one_by_one.counts()


@given(ENDS.filter(bool), st.integers(0, 8), st.booleans(), st.booleans())
def test_a_change_is_the_new_state_added_and_the_old_one_taken_away(
    ends: list[End], known: int, streamed: bool, candidate: bool
) -> None:
    endings = Endings(0, 2, candidate, "ok", True, streamed, P95(5.0, 1.0))
    facts = [endings.fact(9 - number, b"n", *end) for number, end in enumerate(ends)]
    old, new = folded(facts[:known]), folded([*facts, reported(request(9, b"n"), True)])
    changed, replaced = Tally(), Tally()
    changed.change(KEY.cohort, old, new)
    replaced.add(KEY.cohort, new)
    replaced.add(KEY.cohort, old, -1)
    assert evidence_of(changed.counts()) == evidence_of(replaced.counts())


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 3))
def test_what_is_surplus_is_never_missed(times: list[int], depth: int) -> None:
    surplus = Surplus()
    kind = surplus.kind("kind")
    kept = [time for time in times if not surplus.is_surplus(kind, 7, time, depth)]
    assert sorted(kept)[:depth] == sorted(times)[:depth]


def test_of_three_units_at_two_places_the_one_taken_in_longest_ago_is_forgotten() -> None:
    surplus = Surplus()
    kind = surplus.kind("kind")
    one, other, third = 7, 7 + (1 << 60), 7 + (1 << 61)  # alike in the bits that say where
    for unit, time in ((one, 1), (other, 2), (third, 3)):
        assert not surplus.is_surplus(kind, unit, time, 1)
    assert [surplus.is_surplus(kind, unit, 4, 1) for unit in (other, third, one)] == [True, True, False]


def test_units_that_come_by_turns_keep_out_of_each_others_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.evidence.surplus.PLACES", 1 << 12)
    surplus, draw = Surplus(), Random(1)
    kind = surplus.kind("kind")
    units = [draw.getrandbits(64) for _ in range(1_600)]
    for turn in range(8):
        known = sum(surplus.is_surplus(kind, unit, turn, 1) for unit in units)
    assert known == len(units)


def test_units_and_kinds_are_told_apart() -> None:
    surplus = Surplus()
    kind, other = surplus.kind("kind"), surplus.kind("other")
    for one, unit in ((kind, 7), (kind + 3, 7), (other, 7), (kind, 2**64 - 1), (kind, 0)):
        assert [surplus.is_surplus(one, unit, time, 1) for time in (1, 2)] == [False, True]
    assert surplus.kind("kind") == kind


def test_a_time_that_has_no_room_is_never_surplus() -> None:
    surplus = Surplus()
    kind = surplus.kind("kind")
    assert [surplus.is_surplus(kind, 7, time, 2) for time in (2**42, 1, 2**42, 2, 3)] == [
        False, False, False, False, True,
    ]  # fmt: skip


def test_more_kinds_than_can_be_told_apart_are_learnt_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.evidence.surplus.KINDS", 12)
    surplus = Surplus()
    kind = surplus.kind("kind")
    assert [surplus.is_surplus(kind, 7, time, 1) for time in (1, 2)] == [False, True]
    surplus.kind("other")
    surplus.kind("one too many")
    assert not surplus.is_surplus(surplus.kind("kind"), 7, 3, 1)
