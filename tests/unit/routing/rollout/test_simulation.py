"""Simulated rollouts: the promises of `make bench-rollout` in small, and hard cases that need traffic."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace as changed

from routing.assign import assign
from routing.evidence.cells import evidence_of
from routing.evidence.ending import Ending, exposed
from routing.evidence.fact import P95, Request, UnitKey, reported
from routing.evidence.tally import Tally
from routing.evidence.unit import fold
from routing.facts import Facts
from routing.rollout.betting import averaged, capital, harm
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan, Ratio
from routing.rollout.reading import intervals
from routing.rollout.simulation.forecast import forecast
from routing.rollout.simulation.rivals import FixedThreshold, PeekedZTest
from routing.rollout.simulation.run import BASELINE, CANDIDATE, Look, Result, looks, run
from routing.rollout.simulation.scenario import Mix, Reporting, Scenario, Users
from routing.rollout.simulation.traffic import Traffic
from routing.rollout.simulation.trial import trial
from routing.snapshot import Key, Rollout
from routing.sticky import HEADER
from tests.unit.routing.rollout.standing import LIMITS, plan

FAILS = "validation_passed"
HERE = 1_000_000
MINUTE = 60_000


def alone(**keys: Any) -> Plan:
    """Validation alone, at 10 %; promotion waits."""
    return plan(10, 50, metrics=(FAILS,), **{"mode": "recommend", "validated": True, **keys})


def runs(wish: Plan, scenario: Scenario, number: int) -> list[Result]:
    return [run(wish, scenario, Random(seed), seed) for seed in range(HERE, HERE + number)]


def last(wish: Plan, scenario: Scenario, seed: int = HERE) -> Look:
    """The look that a run ends with."""
    return list(looks(wish, scenario, Random(seed), seed))[-1]


def test_identical_variants_that_are_looked_at_all_day_are_left_alone() -> None:
    found = runs(alone(), Scenario(4_000), 5)
    assert sum(one.rolled_back is not None for one in found) <= 1
    assert all(one.requests == 4_000 and one.served == 0 for one in found if one.rolled_back is None)


def test_a_worse_candidate_goes_back_before_it_has_done_much_harm() -> None:
    found = runs(alone(), Scenario(6_000, effect={FAILS: 0.15}), 5)
    assert all(one.phase == "rolled_back" for one in found)
    assert sum(one.served for one in found) / len(found) < 30
    assert all(one.transitions[-1].cause == "harm" for one in found)


def test_a_run_can_be_had_again() -> None:
    scenario = Scenario(2_000, effect={FAILS: 0.15}, users=Users(300, "mixed"))
    assert run(alone(), scenario, Random(5), 5) == run(alone(), scenario, Random(5), 5)
    assert run(alone(), scenario, Random(5), 5) != run(alone(), scenario, Random(6), 6)


def test_good_candidates_climb_through_every_stage() -> None:
    wish = plan(bake=60_000)
    better = Scenario(20_000, rate=10.0, effect={FAILS: -0.08, "errors": -0.01}, slower=0.6)
    found = run(wish, better, Random(1), 1)
    assert found.phase == "promoted" and found.promoted is not None
    assert [(one.after, one.weight) for one in found.transitions] == [
        ("running", 5_000), ("baking", 9_800), ("promoted", 10_000),
    ]  # fmt: skip


def test_drift_while_the_weight_moves_is_nobodys_fault() -> None:
    drifting = Scenario(4_000, drift=0.2, by_hand=((2_000, 5_000),))
    found = runs(alone(), drifting, 3)
    assert sum(one.rolled_back is not None for one in found) <= 1


def test_easy_requests_do_not_flatter_a_worse_candidate() -> None:
    """Hard requests while it has 10 %, easy ones at 50 %: its share of failures is the lower one."""
    mixes = (Mix(0, (0.0, 1.0), (-0.08, 0.3)), Mix(3_000, (1.0, 0.0), (-0.08, 0.3)))
    scenario = Scenario(9_000, effect={FAILS: 0.08}, mixes=mixes, by_hand=((3_000, 5_000),))
    found = runs(alone(), scenario, 2)
    assert all(one.phase == "rolled_back" for one in found)
    sent = [one for look in looks(alone(mode="manual"), scenario, Random(1), 1) for one in look.sent]
    failed = [
        sum(one.bad for one in sent if one.candidate == side) / sum(one.candidate == side for one in sent)
        for side in (False, True)
    ]
    assert failed[True] < failed[False], "as a dashboard would have it"


def test_failures_told_in_a_minute_and_passes_in_two_hours_hold() -> None:
    reporting = Reporting(passed_after=120 * MINUTE, failed_after=MINUTE)
    for look in looks(alone(), Scenario(2_000, reporting=reporting), Random(1), 1):
        assert look.document.phase == "running" and look.document.recommendation is None
    assert look.step.evaluation is not None
    one = look.step.evaluation.comparisons[FAILS]
    assert one.uncovered and one.verdict == "inconclusive"


def test_and_a_worse_candidate_is_found_out_all_the_same() -> None:
    reporting = Reporting(passed_after=120 * MINUTE, failed_after=MINUTE)
    found = runs(alone(), Scenario(9_000, effect={FAILS: 0.15}, reporting=reporting), 2)
    assert all(one.phase == "rolled_back" for one in found)


def test_failures_that_the_candidate_reports_less_often_hold_and_show_the_tipping_point() -> None:
    """It fails 20 % and half of that is never told."""
    wish = alone()
    scenario = Scenario(5_000, effect={FAILS: 0.1}, reporting=Reporting(failures=0.5))
    look = last(wish, scenario)
    assert look.document.recommendation is None and look.step.evaluation is not None
    assert look.step.evaluation.comparisons[FAILS].uncovered
    found = intervals(look.document, Observed(look.evidence), wish, look.step.evaluation)[FAILS]
    assert found.tipping is not None and 0.0 < found.tipping < 0.5, "less than the half that is hidden"


def test_what_the_fallback_saves_is_charged_to_the_candidate() -> None:
    """8 % of its requests are answered by the baseline, and pass."""
    wish = plan(10, 50, mode="recommend", validated=True)
    found = runs(wish, Scenario(6_000, effect={"errors": 0.08}), 2)
    assert all(one.phase == "rolled_back" for one in found)


@pytest.mark.parametrize("pattern", ["even", "heavy", "bursts", "mixed"])
def test_users_who_come_back_are_one_unit_each_and_read_as_they_are_folded(pattern: Any) -> None:
    wish = plan(10, 50, metrics=tuple(LIMITS), mode="recommend", validated=True)
    wish = changed(wish, ratios={"cost_per_success": Ratio(1.1, 0.02)})
    scenario = Scenario(
        1_500, users=Users(200, pattern), by_hand=((500, 5_000), (1_000, 3_000)),
        reporting=Reporting(0.9, 0.8, passed_after=5 * MINUTE),
    )  # fmt: skip
    for look in looks(wish, scenario, Random(1), 1):
        units = sum(n for cell, n in look.evidence.cells.items() if cell.metric == "errors")
        assert units <= look.requests
        assert sum(cost.n for cost in look.evidence.costs.values()) == units
    if pattern != "mixed":
        assert units <= 3 * 200
    assert {cell.n for cell in look.evidence.cells if cell.metric == "errors"} == {1, 2, 3}


@pytest.mark.parametrize("users", [None, Users(50)])
def test_books_are_kept_as_the_store_keeps_them(users: Users | None) -> None:
    """Counted together and read in parts, or folded fact by fact and read as a whole: the same."""
    wish = plan(10, 50, metrics=tuple(LIMITS), validated=True)
    scenario = Scenario(600, users=users, reporting=Reporting(0.9, 0.8, passed_after=MINUTE))
    states: dict[UnitKey, Any] = {}
    for look in looks(wish, scenario, Random(1), 1):
        seen = look.evidence
        now = look.requests * 1_000
        for one in look.sent:
            key = UnitKey(1, one.compared, one.unit)
            request = Request(key, one.time, one.number.to_bytes(12, "big"), 0, 0, one.candidate)
            attempts, duration, first, _ = one.end
            facts = states.setdefault(key, [])
            facts.append((0, exposed(request, Ending("ok", one.own, attempts, duration, True, first), P95())))
            if one.told is not None:
                facts.append((one.told_at, reported(request, *one.told)))
        if look.document.period.reference:
            break
    tally = Tally()
    for key, facts in states.items():
        tally.add(key.cohort, fold((), [fact for at, fact in facts if at <= now]))
    assert seen == evidence_of(tally.counts())


def test_lots_are_those_of_real_requests() -> None:
    served = Rollout(BASELINE, CANDIDATE, 3_000, b"salt", low=1_000, high=8_000)
    traffic = Traffic(Scenario(500, users=Users(100)), Random(1))
    for number in range(500):
        one = traffic.send(number, served)
        assert traffic._users is not None
        key = b"%d" % traffic._users._last
        facts = Facts("chat", "", Key("", "", 0, frozenset()), {HEADER: key}, {}, b"")
        assigned = assign(served, facts, ("header",))
        assert (one.candidate, one.compared, one.unit) == (
            assigned.variant is CANDIDATE, assigned.compared, assigned.unit,
        )  # fmt: skip


def test_rivals_find_what_they_find() -> None:
    z_test, fixed = PeekedZTest(0.03), FixedThreshold(0.13)
    for look in looks(alone(mode="manual"), Scenario(2_500, effect={FAILS: 0.3}), Random(1), 1):
        z_test.look(look.requests, look.sent)
        fixed.look(look.requests, look.sent)
    assert z_test.rolled_back is not None and z_test.rolled_back < 2_000
    assert fixed.rolled_back is not None
    better, checked = PeekedZTest(0.03), FixedThreshold(0.13)
    for look in looks(alone(mode="manual"), Scenario(4_000, effect={FAILS: -0.08}), Random(1), 1):
        better.look(look.requests, look.sent)
        checked.look(look.requests, look.sent)
    assert better.promoted is not None and checked.promoted is not None
    for rival in (PeekedZTest(0.03), FixedThreshold(0.13)):
        rival.look(1, [])
        rival.look(2, look.sent[:1])
        assert rival.rolled_back is None


def test_a_z_test_without_any_failure_says_nothing() -> None:
    rival = PeekedZTest(0.03)
    for look in looks(alone(mode="manual"), Scenario(200, bad={FAILS: 0.0}), Random(1), 1):
        rival.look(look.requests, look.sent)
    assert rival.promoted is None


@pytest.mark.parametrize(("chance", "rate"), [(0.1, 0.6), (0.5, 0.02)])
def test_the_capital_of_a_fair_game_seldom_ever_grows_fifty_fold(chance: float, rate: float) -> None:
    """Ville's inequality, 300 games of 1,000 units each, looked at after every 25th; ŷ is 0.1 all along."""
    draws = Random(1)
    won = 0
    for _ in range(300):
        counted: dict[tuple[float, bool, float], float] = {}
        for number in range(1, 1_001):
            kind = (0.1, draws.random() < chance, float(draws.random() < rate))
            counted[kind] = counted.get(kind, 0) + 1
            if number % 25 == 0 and averaged(capital(harm(0.0), counted, chance)) >= 50:
                won += 1
                break
    assert won <= 0.02 * 300 + 3 * (0.02 * 0.98 * 300) ** 0.5


def test_a_trial_has_rivals_and_watches_the_interval() -> None:
    worse = Scenario(1_500, effect={FAILS: 0.3})
    found = trial(alone(), worse, Random(1), 1, watch_interval=True)
    assert found.result.phase == "rolled_back" and not found.missed
    assert found.z_test.rolled_back is not None
    blind = trial(plan(10, 50, metrics=("errors",)), Scenario(300), Random(1), 1)
    assert not blind.missed and blind.threshold.promoted is None
    wrong = Scenario(3_000, effect={FAILS: 0.3}, bad={FAILS: 0.6})
    assert trial(alone(mode="manual"), wrong, Random(1), 1).missed is False


def test_a_forecast_tells_what_to_expect() -> None:
    scenario = Scenario(2_000, rate=0.1, effect={FAILS: 0.3})
    trials = [trial(alone(), scenario, Random(seed), seed) for seed in (1, 2, 3)]
    undecided = [trial(alone(), Scenario(200), Random(4), 4), trial(alone(), Scenario(200), Random(5), 5)]
    told = forecast(trials, scenario)
    assert told["runs"] == 3 and told["rolled_back"]["value"] == 1.0 and told["undecided"]["value"] == 0.0
    requests = told["requests_to_decide"]["value"]
    assert told["days_to_decide"]["value"] == pytest.approx(requests / 8_640)
    assert told["bad_answers"]["value"] > 0 and set(told["peeked_z_test"]) == {
        "rolled_back",
        "promoted",
        "undecided",
    }
    assert forecast(undecided, scenario)["requests_to_decide"] == {
        "value": None,
        "lower": None,
        "upper": None,
    }
    good = replace(scenario, requests=4_000, effect={FAILS: -0.1})
    assert forecast([trial(alone(), good, Random(1), 1)], good)["promoted"]["value"] == 1.0


def test_scenarios_know_shares_of_metrics_that_are_not_given() -> None:
    scenario = replace(Scenario(1), bad={"errors": 0.5})
    assert scenario.share("errors", False) == 0.5
    assert scenario.share(FAILS, True) == 0.1
    assert scenario.share("anything", False) == 0.0
