"""Evidence: the same cells whatever the order, the repetition and the split of what is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.evidence import metrics, unit
from routing.evidence.cells import Cell, Cost, Evidence, Side, counts_of, evidence_of, quantile
from routing.evidence.ending import Ending, exposed, failed
from routing.evidence.fact import P95, Fact, Request, UnitKey, reported, request_of
from routing.evidence.tally import Counts, Tally
from routing.request_id import Identity

KEY = UnitKey(1, "compared", 7)
SIDE = Side(1, "compared", False)
STATUSES = ("ok", "client_error", "upstream_error", "timeout", "cancelled", "shed")


def request(time: int = 1, nonce: bytes = b"a", key: UnitKey = KEY, **fields: Any) -> Request:
    """A request on the baseline."""
    return Request(key, time, nonce, **{"reference": 0, "stratum": 2, "candidate": False, **fields})


def folded(facts: Iterable[Fact], depth: int = 3, start: unit.Unit = ()) -> unit.Unit:
    """The unit of these facts, told one by one."""
    for fact in facts:
        start = unit.fold(start, (fact,), depth)
    return start


def evidence(*facts: Fact, depth: int = 3, key: UnitKey = KEY) -> Evidence:
    """The cells of one unit."""
    tally = Tally()
    tally.add(key.cohort, folded(facts, depth))
    return evidence_of(tally.counts())


def values(*facts: Fact, depth: int = 3) -> dict[str, tuple[int, int]]:
    """Metric → bad twentieths and requests."""
    return {cell.metric: (cell.bad, cell.n) for cell in evidence(*facts, depth=depth).cells}


# What is told: requests of a few units, each exposed once, each reported any number of times.


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[UnitKey, Fact]]:
    """Facts of up to four units; the id's content is the same in all facts of a request."""
    told: list[tuple[UnitKey, Fact]] = []
    for index in range(draw(st.integers(1, 9))):
        key = UnitKey(draw(st.integers(1, 2)), draw(st.sampled_from(("compared", "carried"))), 1)
        made = Request(
            key, draw(st.integers(1, 4)), bytes([index]), draw(st.integers(0, 1)), draw(st.integers(0, 2)),
            draw(st.booleans()),
        )  # fmt: skip
        if draw(st.booleans()):
            ending = Ending(
                draw(st.sampled_from(STATUSES)),
                draw(st.booleans()),
                draw(st.integers(0, 2)),
                draw(st.floats(0, 10)),
                draw(st.booleans()),
                draw(st.floats(0, 2)),
                draw(st.none() | st.floats(0, 100)),
            )
            told.append((key, exposed(made, ending, P95(draw(st.none() | st.just(5.0)), 1.0))))
        for _ in range(draw(st.integers(0, 3))):
            outcome = reported(
                made,
                draw(st.none() | st.booleans()),
                draw(st.none() | st.booleans()),
                draw(st.none() | st.sampled_from((0.0, 0.5, 0.93, 1.0))),
                by_application=draw(st.booleans()),
            )
            told.append((key, outcome))
    return told


def tell(told: Sequence[tuple[UnitKey, Fact]], depth: int) -> tuple[dict[UnitKey, bytes], Counts]:
    """States and counters once all of it was told, one fact a time, cells by difference."""
    states: dict[UnitKey, unit.Unit] = {}
    tally = Tally()
    for key, fact in told:
        old = states.get(key, ())
        states[key] = unit.fold(old, (fact,), depth)
        tally.add(key.cohort, states[key])
        tally.add(key.cohort, old, -1)
    return {key: unit.encode(state) for key, state in states.items()}, tally.counts()


@given(stories(), st.integers(1, 3), st.data())
def test_any_order_and_repetition_gives_the_same_state_and_cells(
    told: list[tuple[UnitKey, Fact]], depth: int, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    shuffled = data.draw(st.permutations([*told, *again]))
    assert tell(shuffled, depth) == tell(told, depth)


@given(stories(), st.integers(1, 3), st.data())
def test_any_split_over_replicas_gives_the_same_state(
    told: list[tuple[UnitKey, Fact]], depth: int, data: st.DataObject
) -> None:
    facts = [fact for key, fact in told if key == told[0][0]] if told else []
    sides = [data.draw(st.integers(0, 2)) for _ in facts]
    parts = [folded((f for f, side in zip(facts, sides, strict=True) if side == i), depth) for i in range(3)]
    joined = unit.fold((), [fact for part in parts for fact in part], depth)
    assert joined == folded(facts, depth)
    assert unit.fold(joined, facts, depth) == joined


@given(stories(), st.integers(1, 3))
def test_the_cells_are_those_of_a_plain_recount(told: list[tuple[UnitKey, Fact]], depth: int) -> None:
    _, counts = tell(told, depth)
    seen = evidence_of(counts).cells
    assert evidence_of(counts_of(evidence_of(counts))) == evidence_of(counts)
    expected: dict[Cell, int] = {}
    for key in {key for key, _ in told}:
        for cell in recount(key, [fact for other, fact in told if other == key], depth):
            expected[cell] = expected.get(cell, 0) + 1
    assert seen == expected


def recount(key: UnitKey, facts: list[Fact], depth: int) -> Iterable[Cell]:
    """The method's words, from all facts at once."""
    requests: dict[tuple[int, bytes], list[Fact]] = {}
    for fact in facts:
        requests.setdefault((fact.time, fact.nonce), []).append(fact)
    ordered = [requests[place] for place in sorted(requests)]
    first = ordered[0][0]
    for metric in metrics.METRICS:
        found = [value for value in (badness(metric, each) for each in ordered) if value is not None][:depth]
        if found:
            yield Cell(
                key.period, key.compared, first.reference, first.stratum, metric, first.candidate,
                sum(found), len(found),
            )  # fmt: skip


def badness(metric: str, facts: list[Fact]) -> int | None:
    """What one request says of a metric, in twentieths."""
    if metric == "score":
        scores = {fact.score for fact in facts if fact.score is not None}
        return None if not scores else 20 if len(scores) > 1 else metrics.score_badness(scores.pop())
    index = metrics.MARKED.index(metric)
    said = {bit for fact in facts for bit in (1, 2, 4, 8) if metrics.split(fact.marks)[index] & bit}
    if not said:
        return None
    return 20 if metrics.BAD in said or said == {metrics.BAD_BY_DEFAULT} else 0


# The words of the method, one by one.


def test_an_outcome_alone_restores_its_request_from_the_id() -> None:
    identity = Identity(5, 1, 2, 3, variant=44, epoch=9, period=4, reference=1, compared=1, stratum=3, unit=8)
    restored = request_of(identity, b"n", candidate=44)
    assert restored == Request(UnitKey(4, "compared", 8), 5, b"n", 1, 3, True)
    assert request_of(identity, b"n", candidate=45).candidate is False
    seen = evidence(reported(restored, passed=True), key=restored.key)
    assert seen.compared == {
        Cell(4, "compared", 1, 3, "validation_passed", True, 0, 1): 1,
        Cell(4, "compared", 1, 3, "needs_review", True, 0, 1): 1,
    }


def test_an_outcome_may_come_before_its_exposure_or_after() -> None:
    facts = [reported(request(), passed=False), exposed(request(), Ending("ok", cost=0.5), P95(1.0))]
    assert values(*facts) == values(*reversed(facts))
    assert values(*facts) == {
        "validation_passed": (20, 1), "needs_review": (0, 1), "errors": (0, 1), "latency_p95": (0, 1),
    }  # fmt: skip


def test_the_earliest_requests_with_a_value_count_and_others_before_them_do_not() -> None:
    silent = exposed(request(1, b"a"), Ending("ok"), P95())
    told = [reported(request(time, b"b"), passed=time != 3) for time in (5, 4, 3, 2)]
    assert values(silent, *told)["validation_passed"] == (20, 3)  # 2, 3 and 4
    assert values(silent, *told, depth=1)["validation_passed"] == (0, 1)
    assert values(silent, *told)["errors"] == (0, 1)


def test_equal_times_are_ordered_by_id() -> None:
    told = [reported(request(1, nonce), passed=nonce == b"a") for nonce in (b"b", b"a")]
    assert values(*told, depth=1)["validation_passed"] == (0, 1)


def test_stratum_and_reference_are_those_of_the_earliest_request() -> None:
    late = reported(request(2, b"b", stratum=1, reference=1), passed=True)
    early = exposed(request(1, b"a", stratum=3), Ending("cancelled"), P95())
    assert {(cell.stratum, cell.reference) for cell in evidence(late).cells} == {(1, 1)}
    assert {(cell.stratum, cell.reference) for cell in evidence(late, early).cells} == {(3, 0)}


@pytest.mark.parametrize("first", [True, False])
def test_a_contradiction_counts_as_bad_whichever_came_first(first: bool) -> None:
    facts = [reported(request(), passed=said, needs_review=said) for said in (first, not first)]
    assert values(*facts)["validation_passed"] == (20, 1)
    assert values(*facts)["needs_review"] == (20, 1)
    scores = [reported(request(), score=score) for score in (0.9, 0.901, 0.9)]
    assert values(*scores)["score"] == (20, 1)


def test_a_request_without_an_answer_is_invalid_unless_reported() -> None:
    ended = exposed(request(), Ending("timeout", own=False), P95())
    assert values(ended) == {"validation_passed": (20, 1), "errors": (20, 1)}
    assert values(ended, reported(request(), passed=True))["validation_passed"] == (0, 1)


def test_a_report_without_needs_review_means_none_unless_another_says_so() -> None:
    assert values(reported(request(), passed=True))["needs_review"] == (0, 1)
    facts = [reported(request(), passed=True), reported(request(), needs_review=True)]
    assert values(*facts)["needs_review"] == (20, 1)
    assert "needs_review" not in values(reported(request(), passed=True, by_application=False))


@pytest.mark.parametrize(
    ("score", "bad"), [(1, 0), (0.0, 20), (0.9, 2), (0.93, 1), (0.96, 1), (0.98, 0), (0.5, 10)]
)
def test_a_score_is_rounded_to_twentieths(score: float, bad: int) -> None:
    assert values(reported(request(), score=score))["score"] == (bad, 1)
    (cell,) = (cell for cell in evidence(reported(request(), score=score)).cells if cell.metric == "score")
    assert cell.value == bad / 20


@pytest.mark.parametrize(
    ("ending", "bad"),
    [
        (Ending("ok"), False),
        (Ending("ok", own=False), True),
        (Ending("upstream_error"), True),
        (Ending("timeout"), True),
        (Ending("client_error", attempts=1), True),
        (Ending("client_error", attempts=0), None),
        (Ending("cancelled"), None),
        (Ending("shed", attempts=0), None),
    ],
)
def test_what_counts_as_an_error(ending: Ending, bad: bool | None) -> None:
    assert failed(ending) is bad
    assert values(exposed(request(), ending, P95(9.0))).get("errors") == (
        None if bad is None else (20 * bad, 1)
    )


@pytest.mark.parametrize(
    ("ending", "latency", "first_token"),
    [
        (Ending("ok", duration=1.0), 0, None),
        (Ending("ok", duration=1.1), 20, None),
        (Ending("ok", duration=1.0, streamed=True, first_token=0.1), 0, 0),
        (Ending("ok", duration=1.0, streamed=True, first_token=0.2), 0, 20),
        (Ending("timeout", streamed=True), 20, 20),
        (Ending("timeout"), 20, None),
        (Ending("cancelled", duration=9.0), None, None),
    ],
)
def test_latency_is_bad_above_the_frozen_p95_and_for_errors(
    ending: Ending, latency: int | None, first_token: int | None
) -> None:
    seen = values(exposed(request(), ending, P95(1.0, 0.15)))
    assert seen.get("latency_p95") == (None if latency is None else (latency, 1))
    assert seen.get("time_to_first_token_p95") == (None if first_token is None else (first_token, 1))
    untested = values(exposed(request(), ending, P95()))
    assert not {"latency_p95", "time_to_first_token_p95"} & set(untested)


def test_costs_are_those_of_the_earliest_priced_request_in_whole_micro_usd() -> None:
    facts = [
        exposed(request(time, b"a"), Ending("ok", cost=cost), P95())
        for time, cost in ((3, 0.5), (1, None), (2, 123.456789))
    ]
    micro = 123_456_789
    assert evidence(*facts).costs == {SIDE: Cost(1, micro, micro * micro)}
    assert not evidence(reported(request(), passed=True)).costs


def test_the_spread_of_good_durations_gives_the_p95() -> None:
    tally = Tally()
    for index in range(200):
        key = UnitKey(1, "compared", index)
        streamed = Ending("ok", duration=(index + 1) / 100, streamed=True, first_token=0.0005)
        fact = exposed(request(key=key), streamed, P95())
        tally.add(key.cohort, folded([fact]))
    seen = evidence_of(tally.counts())
    assert quantile(seen.durations[SIDE], 0.95) == pytest.approx(1.9, rel=0.02)
    assert quantile(seen.first_tokens[SIDE], 0.95) == metrics.SHORTEST
    assert quantile({}, 0.95) is None
    slow = exposed(request(), Ending("timeout", duration=60.0), P95())
    assert not evidence(slow).durations


def test_those_outside_the_comparison_are_shown_and_not_tested() -> None:
    key = KEY._replace(compared="carried")
    seen = evidence(exposed(request(key=key), Ending("ok"), P95()), key=key)
    assert seen.cells
    assert not seen.compared


def test_what_cannot_matter_any_more_is_forgotten() -> None:
    facts = [
        fact
        for time in range(50)
        for made in [request(time, b"%d" % time)]
        for fact in (exposed(made, Ending("ok", cost=1.0), P95(1.0)), reported(made, passed=True, score=1.0))
    ]
    assert len(folded(facts)) == 3
    assert len(folded(facts, depth=1)) == 1
    assert folded(facts[-2:], start=folded(facts)) == folded(facts)


def test_fewer_outcomes_a_unit_take_effect_without_upsetting_the_cells() -> None:
    told = [reported(request(time, b"a"), passed=False) for time in (1, 2, 3)]
    before = folded(told)
    tally = Tally()
    tally.add(KEY.cohort, unit.fold(before, told[:1], 1))
    tally.add(KEY.cohort, before)
    tally.add(KEY.cohort, before, -1)
    seen = evidence_of(tally.counts())
    assert {cell.n for cell in seen.cells} == {1}
    assert all(units == 1 for units in seen.cells.values())


def test_the_content_of_an_id_is_settled_even_if_two_facts_disagree() -> None:
    one, other = (reported(request(stratum=stratum), passed=True) for stratum in (1, 2))
    assert one.merged(other) == other.merged(one)


def test_no_unit_counts_nothing() -> None:
    tally = Tally()
    tally.add(KEY.cohort, ())
    assert tally.counts() == {}


@given(stories())
def test_a_state_survives_being_stored(told: list[tuple[UnitKey, Fact]]) -> None:
    state = folded(fact for _, fact in told)
    assert unit.decode(unit.encode(state)) == state
