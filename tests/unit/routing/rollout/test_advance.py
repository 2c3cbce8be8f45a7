"""Advance: what follows from a look, and in which order of precedence."""

from __future__ import annotations

from math import ceil

import pytest
from msgspec.structs import replace

from routing.evidence.cells import Evidence
from routing.rollout.advance import advance, breaker_tripped
from routing.rollout.command import command
from routing.rollout.document import Said
from routing.rollout.observed import NOTHING, Observed, Recent
from routing.rollout.plan import Mode, Plan, Stage
from routing.rollout.planning import units_to_promote
from routing.rollout.verdict import Comparison
from tests.unit.routing.rollout.standing import (
    DAY,
    HOUR,
    LIMITS,
    NOW,
    WORSE,
    alike,
    at,
    begun,
    evidence,
    frozen,
    look,
    observed,
    plan,
)

BAD = observed(WORSE)
FAILING = Recent(20, 10)


def test_a_stage_that_has_passed_goes_on_and_opens_a_period() -> None:
    step = advance(frozen(begun()), plan(), alike(), NOW + HOUR)
    after = step.document
    assert (after.phase, after.stage, after.weight, after.since) == ("running", 2, 5_000, NOW + HOUR)
    assert (after.period.number, after.period.low, after.period.high) == (2, 1_000, 10_000)
    assert after.period.chance == pytest.approx(0.4444, abs=1e-4)
    assert after.period.reference == 1, "the baseline is known by now"
    assert step.transition is not None
    assert step.transition.to_json(int) == {
        "time": NOW + HOUR, "revision": after.revision, "actor": "headgate", "cause": "passed",
        "from": "running", "to": "running", "weight": 50.0, "epoch": 1, "period": 2, "stage": 2,
        "reasons": ["stage 1 has passed"],
    }  # fmt: skip


def test_the_last_stage_bakes_with_a_hold_out_and_then_takes_everything() -> None:
    baking = look(frozen(at(begun(), 10, 50, stage=2)), alike_in(2, 0.444))
    assert (baking.phase, baking.weight, baking.stage) == ("baking", 9_800, 3)
    assert (baking.period.low, baking.period.high) == (5_000, 10_000)
    early = advance(baking, plan(), NOTHING, NOW + 72 * HOUR)
    assert early.transition is None
    assert early.evaluation is not None
    assert early.evaluation.verdict.reasons == ("bakes for another 1 h",)
    promoted = advance(baking, plan(), NOTHING, NOW + 73 * HOUR)
    assert (promoted.document.phase, promoted.document.weight) == ("promoted", 10_000)
    assert promoted.transition is not None and promoted.transition.cause == "baked"
    assert promoted.document.unsettled
    assert advance(promoted.document, plan(), NOTHING, NOW + 99 * HOUR).transition is None


def alike_in(period: int, chance: float) -> Observed:
    """Both as good, in a later period."""
    found = alike(weight=chance)
    return Observed(
        Evidence({cell._replace(period=period): n for cell, n in found.evidence.cells.items()}, {}, {}, {})
    )


@pytest.mark.parametrize("keys", [{"bake": 0}, {"holdout": 0}])
def test_without_a_bake_or_a_hold_out_a_stage_of_100_is_the_end(keys: dict[str, int]) -> None:
    after = look(frozen(at(begun(), 10, 50, stage=2)), alike_in(2, 0.444), plan(**keys))
    assert (after.phase, after.weight) == ("promoted", 10_000)


def test_a_plan_that_ends_below_100_waits_for_a_person() -> None:
    after = look(frozen(begun()), alike(), plan(10))
    assert (after.phase, after.phase_reason, after.weight) == ("paused", "end_of_plan", 1_000)


@pytest.mark.parametrize("mode", ["auto", "recommend"])
@pytest.mark.parametrize("weights", [(10,), (10, 50), (10, 50, 80)])
def test_a_plan_that_is_cut_short_while_it_bakes_goes_no_further_by_itself(
    mode: Mode, weights: tuple[int, ...]
) -> None:
    baking = look(frozen(at(begun(), 10, 50, stage=2)), alike_in(2, 0.444))
    short = plan(*weights, mode=mode)
    assert advance(baking, short, NOTHING, NOW + 72 * HOUR).transition is None
    step = advance(baking, short, NOTHING, NOW + 73 * HOUR)
    after = step.document
    assert (after.phase, after.phase_reason, after.weight) == ("paused", "end_of_plan", 9_800)
    assert step.transition is not None
    assert step.transition.reasons == (f"the plan ends at {weights[-1]} %; `promote` takes it further",)
    assert command(after, short, "promote", NOW + 74 * HOUR, actor="ada").document.phase == "promoted"


def test_harm_rolls_back_in_one_step_and_cools_down() -> None:
    step = advance(begun(), plan(), BAD, NOW + HOUR)
    after = step.document
    assert (after.phase, after.phase_reason, after.weight) == ("rolled_back", "harm", 0)
    assert after.cooldown_until == NOW + 2 * HOUR
    assert after.state.rolled_back
    assert step.transition is not None and step.verdict_changed
    assert step.transition.reasons == (
        "validation_passed: the candidate is worse: 60.0 % of 1,000 passed,"
        " the baseline 90.0 % of 9,000 passed"
        " (evidence over a million of 50)",
    )


@pytest.mark.parametrize("phase", ["running", "baking", "paused", "inconclusive"])
def test_harm_acts_wherever_the_candidate_has_traffic(phase: str) -> None:
    document = replace(begun(), phase=phase, phase_reason="manual" if phase == "paused" else None)
    assert look(document, BAD).phase == "rolled_back"


@pytest.mark.parametrize("phase", ["pending", "promoted", "rolled_back"])
def test_and_nowhere_else(phase: str) -> None:
    document = replace(begun(), phase=phase, phase_reason="start" if phase == "pending" else None)
    assert look(document, BAD).phase == phase


def test_harm_of_a_guardrail_that_is_off_only_holds() -> None:
    off = plan(metrics=("errors",))
    off = replace(off, comparisons={"errors": replace(LIMITS["errors"], armed=False)})
    seen = observed({"errors": (90, 9_000, 300, 1_000)})
    step = advance(begun(off), off, seen, NOW + HOUR)
    assert step.document.phase == "running"
    assert step.evaluation is not None
    assert step.evaluation.comparisons["errors"].verdict == "fail"
    assert not step.evaluation.comparisons["errors"].armed


def test_harm_goes_before_time_and_promotion_on_the_same_tick_and_leaves_one_record() -> None:
    """A pass that waits for a person, a time-out, and harm."""
    wish = plan(mode="recommend", metrics=("validation_passed", "errors"))
    seen = observed({
        "validation_passed": (900, 9_000, 400, 1_000), "errors": (900, 90_000, 100, 10_000),
    })  # fmt: skip
    step = advance(replace(begun(wish), recommendation="promote"), wish, seen, NOW + 8 * DAY)
    assert step.transition is not None and step.transition.cause == "harm"
    assert step.document.phase == "rolled_back" and step.document.recommendation is None
    again = advance(step.document, wish, seen, NOW + 8 * DAY)
    assert again.transition is None


def test_while_the_baseline_fails_as_well_it_pauses_and_calls() -> None:
    seen = observed(WORSE, baseline=FAILING)
    step = advance(begun(), plan(), seen, NOW + HOUR)
    assert (step.document.phase, step.document.phase_reason) == ("paused", "baseline_failing")
    assert step.transition is not None
    assert step.transition.reasons[0] == "the baseline fails as well (10 of its last 20 requests)"
    again = advance(step.document, plan(), seen, NOW + HOUR + 1_000)
    assert again.transition is None, "it has called already"
    back = advance(again.document, plan(), BAD, NOW + 2 * HOUR)
    assert back.document.phase == "rolled_back", "the baseline answers again"


def test_paused_by_hand_it_calls_once_as_well() -> None:
    paused = replace(begun(), phase="paused", phase_reason="manual", paused_from="running", paused_at=NOW)
    after = look(paused, observed(WORSE, baseline=FAILING))
    assert (after.phase_reason, after.paused_from, after.paused_at) == ("baseline_failing", "running", NOW)


def test_a_few_failures_of_the_baseline_say_nothing() -> None:
    assert look(begun(), observed(WORSE, baseline=Recent(4, 4))).phase == "rolled_back"


def test_in_mode_recommend_promotion_waits() -> None:
    wish = plan(mode="recommend")
    step = advance(frozen(begun()), wish, alike(), NOW + HOUR)
    assert step.transition is None and step.verdict_changed
    assert (step.document.phase, step.document.recommendation) == ("running", "promote")
    quiet = advance(step.document, wish, alike(), NOW + 9 * DAY)
    assert quiet.document is step.document, "it goes on waiting, and nothing is written"
    assert look(begun(), BAD, wish).phase == "rolled_back"


def test_in_mode_manual_both_wait() -> None:
    wish = plan(mode="manual")
    assert look(frozen(begun()), alike(), wish).recommendation == "promote"
    document = look(begun(), BAD, wish, NOW + 9 * DAY)
    assert (document.phase, document.recommendation) == ("running", "rollback")


def test_baking_waits_for_a_person_too() -> None:
    baking = replace(begun(), phase="baking")
    assert look(baking, NOTHING, plan(mode="manual"), NOW + 4 * DAY).recommendation == "promote"


def test_twenty_good_outcomes_and_no_more_are_inconclusive() -> None:
    """Never promotion: twenty outcomes, all passed."""
    few = observed(
        {"validation_passed": (0, 180, 0, 20), "errors": (0, 180, 0, 20), "needs_review": (0, 180, 0, 20)}
    )
    held = advance(begun(), plan(), few, NOW + DAY)
    assert held.document.phase == "running"
    assert held.evaluation is not None
    assert "validation_passed: 20 of 300 samples" in held.evaluation.verdict.reasons
    late = advance(held.document, plan(), few, NOW + 7 * DAY)
    assert (late.document.phase, late.document.phase_reason) == ("inconclusive", "timeout")
    assert late.transition is not None
    assert late.transition.reasons[:2] == ("no verdict within 7 d", "validation_passed: 20 of 300 samples")
    passing = advance(late.document, plan(), alike(), NOW + 8 * DAY)
    assert passing.transition is None, "nothing is promoted until somebody resumes"


def test_latency_says_what_it_waits_for_before_the_baselines_p95_is_frozen() -> None:
    wish = plan(metrics=("latency_p95",))
    wish = replace(wish, stages=tuple(replace(stage, min_samples=0) for stage in wish.stages))

    def latency(units: int) -> Comparison:
        found = advance(begun(), wish, observed({"errors": (0, units, 0, 9)}), NOW).evaluation
        assert found is not None
        return found.comparisons["latency_p95"]

    first, later = latency(0), latency(77)
    assert later.reasons == ("latency_p95: the baseline's p95 is not frozen yet: 77 of 200 units",)
    assert first.units_to_go is not None and later.units_to_go is not None
    assert first.units_to_go - later.units_to_go == ceil(200 / 0.9) - ceil(123 / 0.9)
    needed = units_to_promote(0.05, 0.05, 0.1, 0.05)
    assert first.units_to_go == needed + ceil(200 / 0.9)
    known = advance(frozen(begun()), wish, observed({"errors": (0, 300, 0, 30)}, reference=1), NOW).evaluation
    assert known is not None and known.comparisons["latency_p95"].units_to_go == needed


def test_a_stage_lasts_as_long_as_it_has_to() -> None:
    wish = replace(plan(), stages=(Stage(1_000, min_duration=DAY), Stage(5_000)))
    step = advance(frozen(begun()), wish, alike(), NOW + DAY - 90 * 60_000)
    assert step.transition is None and step.evaluation is not None
    assert step.evaluation.verdict.reasons == ("1.5 h left of the stage's 1 d",)
    assert look(step.document, alike(), wish, NOW + DAY).weight == 5_000


def test_no_outcome_within_an_hour_pauses() -> None:
    seen = observed({"errors": (0, 90, 0, 10)})
    assert look(begun(), seen, now=NOW + HOUR - 1).phase == "running"
    step = advance(begun(), plan(), seen, NOW + HOUR)
    assert (step.document.phase, step.document.phase_reason) == ("paused", "no_outcomes")


def test_requests_that_failed_are_no_outcomes() -> None:
    """Without an answer validation has failed by default; nobody has reported that."""
    seen = observed({"errors": (1, 90, 0, 10), "validation_passed": (1, 1, 0, 0)})
    assert look(begun(), seen).phase_reason == "no_outcomes"


@pytest.mark.parametrize(
    "wish", [plan(validated=True), plan(metrics=("errors", "latency_p95"))], ids=["validators", "none needed"]
)
def test_where_no_report_is_needed_none_is_missed(wish: Plan) -> None:
    assert look(begun(wish), observed({"errors": (0, 90, 0, 10)}), wish).phase == "running"


def test_outcomes_that_are_missing_hold_promotion() -> None:
    seen = alike()
    cells = {
        cell: n for cell, n in seen.evidence.cells.items()
        if cell.metric != "validation_passed" or not cell.candidate
    }  # fmt: skip
    cells |= {
        cell: n // 2 for cell, n in seen.evidence.cells.items()
        if cell.metric == "validation_passed" and cell.candidate
    }  # fmt: skip
    step = advance(frozen(begun()), plan(), Observed(Evidence(cells, {}, {}, {})), NOW + HOUR)
    assert step.transition is None and step.evaluation is not None
    assert step.evaluation.verdict.reasons == (
        "validation_passed: known of 50 % of the candidate's units, less than 80 %",
    )


def test_units_that_went_missing_block_promotion() -> None:
    seen = alike(weight=0.12)
    step = advance(frozen(begun()), plan(), seen, NOW + HOUR)
    assert step.transition is None and step.evaluation is not None
    assert step.evaluation.verdict.reasons[0].startswith("sample ratio: ")


def test_a_used_weight_compares_nobody_and_says_so() -> None:
    document = at(begun(), 10, 50, 10)
    step = advance(document, plan(), alike(), NOW + HOUR)
    assert step.evaluation is not None
    assert step.evaluation.verdict.reasons[0] == (
        "nobody is compared: 10 % has been used before in this epoch; set another weight"
    )
    assert step.evaluation.comparisons["errors"].units_to_go is None
    assert step.document.period.frozen is None
    none = advance(at(begun(), 10, 0), plan(), alike(), NOW + HOUR)  # as older versions resumed
    assert none.evaluation is not None
    assert none.evaluation.verdict.reasons[0] == (
        "nobody is compared: 0 % gives the candidate no traffic; set another weight"
    )


def test_harm_of_earlier_periods_still_counts() -> None:
    """Late outcomes belong to their request's period."""
    step = advance(at(begun(), 10, 50, 10), plan(), BAD, NOW + HOUR)
    assert step.document.phase == "rolled_back"


def test_one_large_user_is_worth_a_warning() -> None:
    step = advance(begun(), plan(), Observed(largest=1 / 3), NOW)
    assert step.evaluation is not None
    assert step.evaluation.warnings == ("one sticky key has 33.3 % of the traffic; it counts as one unit",)


def test_a_test_that_has_passed_stays_passed_for_its_period() -> None:
    wish = replace(plan(metrics=("errors",)), stages=(Stage(1_000, min_duration=DAY), Stage(5_000)))
    good = observed({"errors": (900, 90_000, 100, 10_000)})
    document = look(begun(wish), good, wish)
    assert document.period.passed["errors"].margin == 0.01
    unsure = observed({"errors": (900, 90_000, 165, 10_000)})
    held = advance(document, wish, unsure, NOW + DAY - 1)
    assert held.evaluation is not None
    proof = held.evaluation.comparisons["errors"].proof
    assert proof.safe < proof.safe_needed and held.evaluation.comparisons["errors"].verdict == "pass"
    assert look(held.document, unsure, wish, NOW + DAY).stage == 2


def test_what_passed_a_wider_margin_does_not_pass_a_narrower_one() -> None:
    wish = replace(plan(metrics=("errors",)), stages=(Stage(1_000, min_duration=DAY), Stage(5_000)))
    document = look(begun(wish), observed({"errors": (900, 90_000, 100, 10_000)}), wish)
    strict = replace(wish, comparisons={"errors": replace(LIMITS["errors"], margin=0.006)})
    unsure = observed({"errors": (900, 90_000, 165, 10_000)})
    assert look(document, unsure, strict, NOW + DAY).stage == 1
    better = look(document, observed({"errors": (9_000, 900_000, 1_000, 100_000)}), strict, NOW + HOUR)
    assert better.period.passed["errors"].margin == 0.006


def test_a_plan_that_changes_applies_from_the_next_look() -> None:
    document = frozen(begun())
    after = look(document, alike(), plan(5, 20, 100))
    assert (after.weight, after.stage, after.epoch, after.period.number) == (2_000, 2, 1, 2)


def test_a_breaker_rolls_back_in_every_mode_unless_the_baseline_fails_too() -> None:
    for mode in ("auto", "recommend", "manual"):
        step = breaker_tripped(begun(), plan(mode=mode), Recent(50, 4), NOW + HOUR, "pod-1")
        assert (step.document.phase, step.document.phase_reason) == ("rolled_back", "breaker")
        assert step.transition is not None and step.verdict_changed
        assert step.transition.reasons == (
            "the candidate has stopped answering at pod-1: three probes failed as well",
        )
    assert breaker_tripped(begun(), plan(), Recent(), NOW).document.phase == "rolled_back"
    for document in (begun(), replace(begun(), phase="promoted")):
        nothing = breaker_tripped(document, plan(), Recent(50, 5), NOW)
        assert nothing.document is document and nothing.transition is None


def test_a_look_that_finds_nothing_new_writes_nothing() -> None:
    first = advance(begun(), plan(), alike(reference=0), NOW)
    second = advance(first.document, plan(), alike(reference=0), NOW + 1_000)
    assert first.document.revision == 2 and first.document.period.frozen is not None
    assert second.document is first.document and not second.verdict_changed
    assert first.document.said == Said("inconclusive", "hold", {
        "validation_passed": "pass", "errors": "pass", "latency_p95": "inconclusive",
    })  # fmt: skip


def test_pending_says_what_it_waits_for() -> None:
    waiting = replace(begun(), phase="pending", phase_reason="start")
    step = advance(waiting, plan(), NOTHING, NOW)
    assert step.evaluation is not None
    assert step.evaluation.verdict.reasons == ("waits to be resumed",)
    cooling = replace(at(waiting, 0), phase_reason="cooldown", cooldown_until=NOW + HOUR)
    early = advance(cooling, plan(), NOTHING, NOW + HOUR - 60_000)
    assert early.transition is None and early.evaluation is not None
    assert early.evaluation.verdict.reasons == ("begins in 1 min, after the cool-down",)
    begins = advance(cooling, plan(), NOTHING, NOW + HOUR)
    assert (begins.document.phase, begins.document.weight, begins.document.period.number) == (
        "running",
        1_000,
        2,
    )
    assert begins.transition is not None and begins.transition.cause == "started"


def test_cells_of_nobody_knows_which_period_are_left_out() -> None:
    assert look(begun(), Observed(evidence(WORSE, period=9))).phase != "rolled_back"
    carried = Evidence(
        {cell._replace(compared="carried"): n for cell, n in evidence(WORSE).cells.items()}, {}, {}, {}
    )
    assert look(begun(), Observed(carried)).phase != "rolled_back"
