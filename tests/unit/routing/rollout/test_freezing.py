"""Freezing: what is learnt of the baseline, from whom, and when."""

from __future__ import annotations

import pytest

from routing.evidence.cells import Cell, Evidence, Side
from routing.evidence.metrics import band
from routing.rollout.betting import harm, safe
from routing.rollout.census import Census
from routing.rollout.coverage import Known, tipping, unequal
from routing.rollout.document import Period, Rates, Reference
from routing.rollout.freezing import WEEK, freeze, rate_of
from tests.unit.routing.rollout.standing import DAY, NOW

FIRST = Period(1, 1_000, 0, 10_000, NOW)
SECOND = Period(2, 5_000, 1_000, 10_000, NOW + DAY)


def cells(*rows: tuple[int, str, int, str, bool, int, int]) -> Evidence:
    """(period, compared, stratum, metric, candidate, bad units, units)."""
    found: dict[Cell, int] = {}
    for period, compared, stratum, metric, side, bad, units in rows:
        for badness, count in ((20, bad), (0, units - bad)):
            if count:
                found[Cell(period, compared, 0, stratum, metric, side, badness, 1)] = count
    return Evidence(found, {}, {}, {})


def test_two_hundred_baseline_units_are_needed() -> None:
    few = cells((1, "compared", 0, "errors", False, 2, 199), (1, "compared", 0, "errors", True, 0, 500))
    assert freeze([FIRST], few, NOW) is None
    assert freeze([FIRST], cells((1, "compared", 0, "errors", False, 2, 200)), NOW) is not None


def test_rates_are_drawn_towards_what_is_usual_and_strata_towards_them() -> None:
    seen = cells(
        (1, "compared", 1, "errors", False, 0, 150),
        (1, "compared", 2, "errors", False, 30, 50),
        (1, "compared", 1, "validation_passed", False, 10, 100),
    )
    found = freeze([FIRST], seen, NOW + DAY)
    assert found is not None and (found.at, found.units) == (NOW + DAY, 200)
    overall = (30 + 20 * 0.01) / 220
    errors = found.rates["errors"]
    assert errors.overall == pytest.approx(overall)
    assert errors.strata[1] == pytest.approx((20 * overall) / 170)
    assert errors.strata[2] == pytest.approx((30 + 20 * overall) / 70)
    assert found.rates["validation_passed"].overall == pytest.approx((10 + 2) / 120)
    assert found.rates["score"] == Rates(0.10)
    assert rate_of(found, "errors", 2) == errors.strata[2]
    assert rate_of(found, "errors", 7) == errors.overall
    assert rate_of(None, "errors", 2) == 0.01


def test_rates_stay_away_from_certainty() -> None:
    found = freeze([FIRST], cells((1, "compared", 0, "errors", False, 0, 9_000)), NOW)
    always = freeze([FIRST], cells((1, "compared", 0, "errors", False, 9_000, 9_000)), NOW)
    assert found is not None and found.rates["errors"].overall == 0.01
    assert always is not None and always.rates["errors"].overall == 0.9


def test_the_first_period_learns_from_everybody_on_the_baseline() -> None:
    waiting = Period(1, 0, 0, 0, NOW)
    begun = Period(2, 1_000, 0, 10_000, NOW + DAY)
    seen = cells((1, "carried", 0, "errors", False, 0, 150), (2, "compared", 0, "errors", False, 0, 50))
    assert freeze([waiting, begun], seen, NOW + DAY) is not None


def test_later_ones_from_the_compared() -> None:
    seen = cells((1, "compared", 0, "errors", False, 0, 150), (2, "carried", 0, "errors", False, 0, 5_000))
    assert freeze([FIRST, SECOND], seen, NOW + DAY) is None
    assert freeze([FIRST, SECOND], seen, NOW + DAY, new_epoch=True) is not None


@pytest.mark.parametrize("word", ["pinned", "breaker", "none"])
def test_never_from_those_who_were_not_drawn(word: str) -> None:
    assert freeze([FIRST], cells((1, word, 0, "errors", False, 0, 900)), NOW) is None


def test_what_is_older_than_a_week_is_forgotten() -> None:
    seen = cells((1, "compared", 0, "errors", False, 0, 900))
    assert freeze([FIRST, SECOND], seen, NOW + DAY + WEEK) is not None
    assert freeze([FIRST, SECOND], seen, NOW + DAY + WEEK + 1) is None


def test_p95s_are_those_of_the_same_units() -> None:
    seen = cells((1, "compared", 0, "errors", False, 0, 200))
    mine, theirs = Side(1, "compared", False), Side(1, "compared", True)
    seen.durations[mine] = {band(1.0): 94, band(3.0): 6}
    seen.durations[theirs] = {band(60.0): 900}
    seen.durations[Side(1, "carried", False)] = {band(1.0): 1}
    found = freeze([FIRST], seen, NOW)
    assert found is not None and found.duration == pytest.approx(3.0, rel=0.02)
    assert found.first_token is None


# ── the census and coverage ──────────────────────────────────────────────────────────────────────────


def test_units_are_scored_by_the_rates_of_their_reference_and_stratum() -> None:
    frozen = Reference(NOW, 200, {"errors": Rates(0.02, {3: 0.5})})
    period = Period(1, 1_000, 0, 10_000, NOW, frozen)
    seen = Evidence({
        Cell(1, "compared", 0, 3, "errors", True, 20, 1): 1,
        Cell(1, "compared", 1, 3, "errors", True, 20, 2): 2,
        Cell(1, "compared", 1, 1, "errors", False, 0, 1): 3,
        Cell(1, "compared", 1, 2, "errors", False, 0, 3): 4,
        Cell(1, "carried", 1, 2, "errors", False, 0, 3): 100,
    }, {}, {}, {})  # fmt: skip
    census = Census([period], seen)
    assert census.units("errors", period) == {
        (0.01, True, 1.0): 1, (0.5, True, 0.5): 2, (0.02, False, 0.0): 7,
    }  # fmt: skip
    assert census.group("errors", True) == (3, pytest.approx(2 / 3))
    assert census.asked("validation_passed", True) == 3
    assert census.asked("latency_p95", True) == 2, "those that are held to a p95"


def test_shares_of_missing_units_that_differ_are_noticed_in_both_directions() -> None:
    assert unequal(Known(9_000, 8_800), Known(1_000, 900), 0.1)
    assert unequal(Known(9_000, 8_000), Known(1_000, 990), 0.1)
    assert not unequal(Known(9_000, 8_800), Known(1_000, 970), 0.1)
    assert not unequal(Known(0, 0), Known(0, 0), 0.1)
    assert Known(5, 9).share == 1.0 and Known(5, 9).missing == 0 and Known(0, 0).share is None


def test_the_tipping_point_is_where_the_result_turns() -> None:
    theirs = {(0.1, False, 1.0): 900.0, (0.1, False, 0.0): 8_100.0}
    units = {**theirs, (0.1, True, 1.0): 80.0, (0.1, True, 0.0): 720.0}
    turns = tipping(harm(0.0), units, 0.1, 50, 200)
    assert turns is not None and 0.2 < turns < 0.7
    assert tipping(harm(0.0), units, 0.1, 50, 5) is None, "five more are too few"
    assert tipping(harm(0.0), units, 0.1, 50, 0) is None
    assert tipping(safe(0.03), {(0.1, True, 0.0): 1.0}, 0.1, 20, 9) is None, "there are no failures to hide"
