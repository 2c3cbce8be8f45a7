"""Commands: what people may ask for, when, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from routing.rollout.advance import advance
from routing.rollout.command import command
from routing.rollout.document import Document
from routing.rollout.epoch import first_epoch
from routing.rollout.observed import NOTHING
from routing.rollout.phases import ACTIONS, PHASES, TRANSITIONS, Cause, IllegalTransition, legal, possible
from routing.rollout.plan import Plan, Ratio
from tests.unit.routing.rollout.standing import DAY, HOUR, NOW, WHO, WORSE, alike, at, begun, observed, plan


def ask(
    document: Document, action: Cause, now: int = NOW + HOUR, wish: Plan | None = None, **keys: Any
) -> Document:
    """The document after a command."""
    return command(document, wish or plan(), action, now, actor="ada", **keys).document


def promoted() -> Document:
    return ask(begun(), "promote", full=True)


def rolled_back() -> Document:
    return advance(begun(), plan(), observed(WORSE), NOW).document


def test_the_record_says_who_and_why() -> None:
    step = command(begun(), plan(), "pause", NOW + HOUR, actor="ada", reason="lunch")
    assert step.transition is not None
    written = step.transition.to_json(str)
    assert (written["actor"], written["cause"], written["reasons"]) == ("ada", "pause", ["lunch"])
    assert (written["from"], written["to"], written["time"]) == ("running", "paused", str(NOW + HOUR))


def test_promote_goes_to_the_next_stage_and_on_to_the_end() -> None:
    document, seen = begun(), []
    while document.phase != "promoted":
        document = ask(document, "promote")
        seen.append((document.phase, document.stage, document.weight))
    assert seen == [("running", 2, 5_000), ("baking", 3, 9_800), ("promoted", 3, 10_000)]


def test_promote_full_skips_everything() -> None:
    assert (promoted().phase, promoted().weight, promoted().stage) == ("promoted", 10_000, 3)
    pending = replace(at(begun(), 0), phase="pending")
    assert ask(pending, "promote", full=True).weight == 10_000
    assert ask(pending, "promote").weight == 1_000


def test_promote_takes_a_plan_that_ends_below_100_to_the_bake() -> None:
    after = ask(begun(plan(10)), "promote", wish=plan(10))
    assert (after.phase, after.weight, after.stage) == ("baking", 9_800, 1)
    assert ask(begun(plan(10)), "promote", wish=plan(10, bake=0)).phase == "promoted"


def test_promote_out_of_a_paused_bake_ends_it() -> None:
    baking = ask(ask(begun(), "promote"), "promote")
    assert ask(ask(baking, "pause"), "promote").phase == "promoted"


def test_pausing_stops_the_clock_and_resuming_goes_on() -> None:
    paused = ask(begun(), "pause", NOW + HOUR)
    assert (paused.phase, paused.phase_reason, paused.paused_from) == ("paused", "manual", "running")
    assert paused.weight == begun().weight and paused.period == begun().period
    resumed = ask(paused, "resume", NOW + 9 * DAY)
    assert (resumed.phase, resumed.phase_reason, resumed.stage) == ("running", None, 1)
    assert resumed.clock == NOW + 9 * DAY - HOUR
    waited = advance(resumed, plan(validated=True), NOTHING, NOW + 9 * DAY + HOUR)
    assert waited.document.phase == "running"


def test_a_paused_bake_goes_on_baking() -> None:
    baking = ask(ask(begun(), "promote"), "promote", NOW)
    resumed = ask(ask(baking, "pause", NOW + HOUR), "resume", NOW + 3 * HOUR)
    assert (resumed.phase, resumed.weight, resumed.clock) == ("baking", 9_800, NOW + 2 * HOUR)


def test_resuming_what_was_inconclusive_grants_the_time_again() -> None:
    late = advance(begun(), plan(validated=True), NOTHING, NOW + 7 * DAY).document
    assert late.phase == "inconclusive"
    resumed = ask(late, "resume", NOW + 8 * DAY)
    assert (resumed.phase, resumed.clock) == ("running", NOW + 8 * DAY)
    assert advance(resumed, plan(validated=True), NOTHING, NOW + 15 * DAY - 1).transition is None
    again = advance(resumed, plan(validated=True), NOTHING, NOW + 15 * DAY)
    assert again.document.phase == "inconclusive"


def test_resuming_past_a_cost_accepts_it_for_the_epoch() -> None:
    wish = replace(plan(), ratios={"cost_per_success": Ratio(1.1, 0.02)})
    dear = replace(begun(), phase="paused", phase_reason="cost", paused_from="running", paused_at=NOW)
    assert ask(dear, "resume", wish=wish).accepted == ("cost_per_success",)


def test_a_weight_by_hand_pauses_and_opens_a_period() -> None:
    after = ask(begun(), "set_weight", weight=3_000)
    assert (after.phase, after.phase_reason, after.weight, after.stage) == ("paused", "manual", 3_000, 1)
    assert (after.period.low, after.period.high, after.period.opened) == (1_000, 10_000, NOW + HOUR)
    again = ask(after, "set_weight", weight=3_000)
    assert again.period is after.period or again.period == after.period, "the same weight opens none"
    lower = ask(after, "set_weight", weight=2_000)
    assert (lower.period.low, lower.period.high) == (1_000, 3_000)


def test_users_below_the_old_weight_do_not_move_when_it_rises() -> None:
    before, after = begun(), ask(begun(), "set_weight", weight=3_000)
    assert before.epoch == after.epoch, "the salt is the epoch's"
    assert all((bucket < after.weight) for bucket in range(before.weight))


def test_harm_stays_armed_after_a_weight_by_hand() -> None:
    after = ask(begun(), "set_weight", weight=3_000)
    assert advance(after, plan(), observed(WORSE), NOW + 2 * HOUR).document.phase == "rolled_back"


@pytest.mark.parametrize(
    ("weight", "phase", "stage", "next_weight"),
    [
        (30, "running", 1, 5_000),
        (5, "running", 1, 1_000),
        (60, "running", 2, 9_800),
        (99, "running", 2, 9_800),
    ],
)
def test_resuming_at_a_weight_by_hand(weight: int, phase: str, stage: int, next_weight: int) -> None:
    """The criteria of the last planned stage at or below the weight, else the first; then the first above."""
    resumed = ask(ask(begun(), "set_weight", weight=100 * weight), "resume", NOW + 2 * HOUR)
    assert (resumed.phase, resumed.stage, resumed.weight) == (phase, stage, 100 * weight)
    assert resumed.clock == NOW + 2 * HOUR
    assert ask(resumed, "promote").weight == next_weight


def test_resuming_at_100_by_hand_bakes_with_the_hold_out() -> None:
    everything = ask(begun(), "set_weight", weight=10_000)
    resumed = ask(everything, "resume")
    assert (resumed.phase, resumed.weight, resumed.stage) == ("baking", 9_800, 3)
    assert ask(everything, "resume", wish=plan(bake=0)).phase == "promoted"


def test_resuming_at_0_by_hand_begins_with_the_first_stage_if_that_can_compare_anybody() -> None:
    waiting = first_epoch(WHO, plan(start="manual"), NOW).document
    resumed = ask(ask(waiting, "set_weight", weight=0), "resume")
    assert (resumed.phase, resumed.weight, resumed.stage, resumed.paused_at) == ("running", 1_000, 1, None)
    assert resumed.period.chance == 0.1
    stopped = ask(begun(), "set_weight", weight=0)
    with pytest.raises(IllegalTransition) as refused:
        ask(stopped, "resume")
    assert str(refused.value) == (
        "resume is not possible at 0 %: 10 %, where the first stage is, has been used before in this epoch; "
        "set another weight, or abort and retry"
    )
    assert ask(ask(ask(stopped, "abort"), "retry"), "pause").epoch == 2
    assert ask(ask(stopped, "set_weight", weight=900), "resume").period.chance
    assert ask(stopped, "resume", wish=plan(100, bake=0)).phase == "promoted"


@pytest.mark.parametrize("weight", [None, -1, 10_001])
def test_a_weight_that_is_none_is_refused(weight: int | None) -> None:
    with pytest.raises(ValueError, match="^weight: must lie between 0 and 100 percent$"):
        ask(begun(), "set_weight", weight=weight)


def test_abort_goes_back_at_once_and_need_not_cool_down() -> None:
    aborted = ask(begun(), "abort")
    assert (aborted.phase, aborted.phase_reason, aborted.weight) == ("rolled_back", "abort", 0)
    assert ask(aborted, "retry").phase == "running"


def test_undo_takes_a_promotion_back() -> None:
    undone = ask(promoted(), "undo")
    assert (undone.phase, undone.phase_reason, undone.weight) == ("rolled_back", "undo", 0)


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_possible_or_offered_between_settling_and_the_next_epoch(action: Cause) -> None:
    with pytest.raises(IllegalTransition) as refused:
        ask(replace(promoted(), settled=True), action, weight=3_000)
    assert str(refused.value) == (
        f"{action.replace('_', '-')} is not possible: the promotion is settled, and a new epoch opens "
        "once every replica has this configuration"
    )


def test_retry_waits_for_the_cool_down_and_then_draws_new_lots() -> None:
    with pytest.raises(IllegalTransition, match="^retry is not possible for another 15 min: it cools down$"):
        ask(rolled_back(), "retry", NOW + 45 * 60_000)
    again = ask(rolled_back(), "retry", NOW + HOUR)
    assert (again.epoch, again.phase, again.weight, again.stage) == (2, "running", 1_000, 1)
    assert [(one.number, one.low, one.high) for one in again.periods] == [(1, 0, 10_000)]
    assert again.period.reference == 0


def test_retry_keeps_what_is_known_of_the_baseline() -> None:
    again = ask(rolled_back(), "retry", NOW + HOUR, observed=alike())
    assert again.period.reference == 1
    assert again.period.frozen is not None
    assert again.period.frozen.rates["validation_passed"].overall == pytest.approx(0.1, abs=0.001)


def test_retry_begins_even_where_the_plan_waits_for_a_person() -> None:
    assert ask(ask(begun(), "abort"), "retry", wish=plan(start="manual")).phase == "running"


def test_a_new_period_knows_the_baseline_from_the_evidence_given() -> None:
    assert ask(begun(), "promote").period.reference == 0
    assert ask(begun(), "promote", observed=alike()).period.reference == 1


def test_what_is_not_possible_is_said_with_what_is() -> None:
    with pytest.raises(IllegalTransition) as refused:
        ask(begun(), "resume")
    assert str(refused.value) == (
        "resume is not possible while running; possible are: promote, pause, abort, set-weight"
    )


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("action", ACTIONS)
def test_the_table_decides_what_is_possible(phase: Any, action: Cause) -> None:
    document = replace(begun(), phase=phase)
    if action in possible(phase):
        after = ask(document, action, weight=3_000)
        assert after.phase in legal(phase, action)
        assert after.revision == document.revision + 1
    else:
        with pytest.raises(IllegalTransition):
            ask(document, action, weight=3_000)


def test_every_phase_can_be_left_and_every_way_leads_to_one() -> None:
    assert set(TRANSITIONS) == set(PHASES)
    for ways in TRANSITIONS.values():
        assert ways and all(set(after) <= set(PHASES) and after for after in ways.values())
