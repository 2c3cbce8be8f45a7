"""Epochs: how attempts begin; and documents, how they are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routing.evidence.fact import P95
from routing.rollout.document import Document, InvalidDocument, Passed, Period, Rates, Reference
from routing.rollout.epoch import first_epoch, redefined, settle
from routing.rollout.observed import NOTHING
from routing.rollout.phases import IllegalTransition
from routing.rollout.transition import move, weighted
from tests.unit.routing.rollout.standing import HOUR, NOW, WHO, alike, at, begun, plan

OTHER = WHO._replace(candidate="tuned-2", candidate_hash="c2")


def test_a_rollout_begins_with_its_first_stage() -> None:
    step = first_epoch(WHO, plan(), NOW, revision=7)
    document = step.document
    assert (document.phase, document.stage, document.weight, document.epoch) == ("running", 1, 1_000, 1)
    assert (document.revision, document.since, document.clock) == (7, NOW, NOW)
    assert document.name == "solver/hard"
    assert document.state == at(begun(), 10).state
    assert (document.period.number, document.period.reference) == (1, 0)
    assert step.transition is not None
    assert (step.transition.before, step.transition.after, step.transition.cause) == (
        "pending", "running", "started",
    )  # fmt: skip


def test_or_waits_for_a_person() -> None:
    document = first_epoch(WHO, plan(start="manual"), NOW).document
    assert (document.phase, document.phase_reason, document.weight) == ("pending", "start", 0)


def test_a_plan_of_one_hundred_alone_bakes() -> None:
    document = first_epoch(WHO, plan(100), NOW).document
    assert (document.phase, document.weight, document.period.low) == ("baking", 9_800, 0)
    assert first_epoch(WHO, plan(100, bake=0), NOW).document.phase == "promoted"


def test_the_same_variants_open_no_epoch() -> None:
    document = begun()
    step = redefined(document, WHO, plan(5, 100), NOW)
    assert step.document is document and step.transition is None


def test_another_candidate_opens_one_with_what_is_known_of_the_baseline() -> None:
    step = redefined(begun(), OTHER, plan(), NOW + HOUR, observed=alike())
    after = step.document
    assert (after.epoch, after.candidate, after.definition) == (2, "tuned-2", "b-c2")
    assert (after.phase, after.weight, after.revision) == ("running", 1_000, begun().revision + 1)
    assert after.period.reference == 1
    assert step.transition is not None and step.transition.cause == "definition"


def test_another_baseline_is_not_known_yet() -> None:
    other = WHO._replace(baseline_hash="b2")
    assert redefined(begun(), other, plan(), NOW, observed=alike()).document.period.reference == 0


def test_while_it_cools_down_a_new_candidate_waits() -> None:
    cooling = replace(at(begun(), 10, 0), phase="rolled_back", cooldown_until=NOW + HOUR)
    after = redefined(cooling, OTHER, plan(), NOW).document
    assert (after.phase, after.phase_reason, after.cooldown_until) == ("pending", "cooldown", NOW + HOUR)
    assert redefined(cooling, OTHER, plan(), NOW + HOUR).document.phase == "running"
    by_hand = redefined(cooling, OTHER, plan(start="manual"), NOW).document
    assert (by_hand.phase, by_hand.phase_reason) == ("pending", "start")


def test_settling_moves_nothing() -> None:
    promoted = replace(at(begun(), 10, 50, 98, 100), phase="promoted")
    step = settle(promoted, NOW + HOUR)
    assert step.document.settled and not step.document.unsettled
    assert (step.document.epoch, step.document.periods) == (promoted.epoch, promoted.periods)
    assert step.transition is not None
    assert step.transition.reasons == ("the configuration serves `tuned` by itself",)
    assert settle(step.document, NOW).transition is None
    assert settle(begun(), NOW).transition is None


def test_what_was_settled_and_is_asked_for_again_begins_anew() -> None:
    promoted = replace(at(begun(), 10, 50, 98, 100), phase="promoted")
    assert promoted.about(WHO.definition) and redefined(promoted, WHO, plan(), NOW).document is promoted
    settled = settle(promoted, NOW).document
    assert not settled.about(WHO.definition)
    step = redefined(settled, WHO, plan(), NOW + HOUR)
    after = step.document
    assert (after.epoch, after.phase, after.weight, after.settled) == (2, "running", 1_000, False)
    assert after.about(WHO.definition)
    assert step.transition is not None and step.transition.cause == "definition"
    assert step.transition.reasons == ("the configuration has the same rollout anew, after it was settled",)


def test_no_way_but_those_of_the_table() -> None:
    with pytest.raises(IllegalTransition, match="^baked does not lead from running to promoted$"):
        move(begun(), replace(begun(), phase="promoted"), "baked", NOW, "headgate", ())


# ── documents ────────────────────────────────────────────────────────────────────────────────────────

REFERENCE = Reference(NOW, 200, {"errors": Rates(0.01, {0: 0.01, 3: 0.05})}, 2.5, None)


def test_a_document_survives_json() -> None:
    period = Period(2, 5_000, 1_000, 10_000, NOW, REFERENCE, {"errors": Passed(NOW, 0.01, 0.05)})
    document = replace(
        begun(), periods=(begun().period, period), cooldown_until=NOW, accepted=("cost_per_success",)
    )
    assert Document.from_json(document.to_json()) == document


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2), ("phase", "done"), ("revision", "7"), ("periods", []), ("surplus", 1),
        ("periods", [{"number": 1}]), ("since", 1.5),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidDocument) as refused:
        Document.from_json({**begun().to_json(), field: value})
    assert ("a field" if field == "surplus" else field) in str(refused.value)
    assert "done" not in str(refused.value)


def test_requests_are_held_to_the_p95_of_their_reference() -> None:
    document = replace(begun(), periods=(replace(begun().period, frozen=REFERENCE),))
    assert document.p95(1, 1) == P95(2.5, None)
    assert document.p95(1, 0) == document.p95(9, 1) == P95()


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
def test_the_compared_lie_in_the_gap_of_the_newest_weight(weights: list[int]) -> None:
    document = at(begun(), 0)
    for weight in weights:
        before, used = document, {one.weight for one in document.periods}
        document = weighted(before, weight, NOW, NOTHING)
        if weight == before.weight:
            assert document is before
            continue
        period = document.period
        assert document.state.compared == (period.low, period.high)
        if period.low < period.high:
            assert period.low < weight < period.high
            assert period.chance == (weight - period.low) / (period.high - period.low)
            assert not any(period.low < other < period.high for other in used)
        else:
            assert weight in {0, 10_000, *used} and period.chance == 0.0
