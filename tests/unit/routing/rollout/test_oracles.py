"""Oracles: what scipy and statsmodels say of the same counts at a planned moment."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import betabinom, binom, norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from routing.evidence.cells import Cost
from routing.rollout import sample_ratio, spending
from routing.rollout.betting import Units, averaged, capital, harm, safe, score, tried
from routing.rollout.interval import NEEDED, interval
from routing.rollout.simulation import summary


def units(bad: int, baseline: int, worse: int, candidate: int, rate: float = 0.1) -> Units:
    """Of one request each."""
    found: dict[tuple[float, bool, float], float] = {
        (rate, False, 1.0): bad,
        (rate, False, 0.0): baseline - bad,
        (rate, True, 1.0): worse,
        (rate, True, 0.0): candidate - worse,
    }
    return {kind: count for kind, count in found.items() if count}


@pytest.mark.parametrize("seed", range(12))
def test_what_is_proved_is_significant_by_a_z_test_too(seed: int) -> None:
    """E ≥ 1/α is the stronger claim: the one-sided z-test at α, planned for this moment, agrees with it."""
    draws = Random(seed)
    chance, theirs = draws.choice((0.1, 0.444)), draws.choice((0.05, 0.1, 0.3))
    ours = theirs + draws.choice((0.0, 0.05, 0.15))
    sides = [[0, 0], [0, 0]]
    proved = 0
    for number in range(1, 6_001):
        side = draws.random() < chance
        sides[side][0] += draws.random() < (ours if side else theirs)
        sides[side][1] += 1
        if number % 500:
            continue
        counted = units(*sides[0], *sides[1], rate=max(theirs, 0.01))
        bad, n = [sides[1][0], sides[0][0]], [sides[1][1], sides[0][1]]
        if averaged(capital(harm(0.0), counted, chance)) >= 50:
            proved += 1
            assert proportions_ztest(bad, n, alternative="larger")[1] < 0.02
        if averaged(capital(safe(0.03), counted, chance)) >= 20:
            proved += 1
            assert proportions_ztest(bad, n, value=0.03, alternative="smaller", prop_var=False)[1] < 0.05
    assert proved or ours < theirs + 0.1


@pytest.mark.parametrize("chance", [0.1, 0.444, 0.96])
@pytest.mark.parametrize(("ours", "theirs"), [(0.10, 0.10), (0.15, 0.10), (0.05, 0.30)])
def test_the_interval_holds_the_planned_one_and_is_not_much_wider(
    chance: float, ours: float, theirs: float
) -> None:
    candidate, baseline = round(20_000 * chance), round(20_000 * (1 - chance))
    bad, worse = round(baseline * theirs), round(candidate * ours)
    found = interval(units(bad, baseline, worse, candidate, theirs), chance)
    low, high = confint_proportions_2indep(worse, candidate, bad, baseline, method="wald")
    assert found.lower < low < worse / candidate - bad / baseline < high < found.upper
    assert found.upper - found.lower < 2.6 * (high - low)


def test_the_ends_of_the_interval_are_where_the_tests_reach_their_level() -> None:
    counted = units(900, 9_000, 140, 1_000)
    found = interval(counted, 0.1)
    low = brentq(lambda m: tried(harm(m), counted, 0.1) - NEEDED, -0.5, 0.5)
    assert found.lower == pytest.approx(low, abs=1e-6)


def test_nobody_and_few_give_wide_intervals_and_contradictions_none() -> None:
    assert interval({}, 0.1) == (-1.0, 1.0)
    assert interval(units(0, 3, 0, 1), 0.1) == (-1.0, 1.0)
    everything = {(0.1, True, 1.0): 50_000.0, (0.1, False, 0.0): 50_000.0}
    assert interval(everything, 0.02) == pytest.approx((1.0, 1.0))


@given(
    st.dictionaries(
        st.tuples(st.booleans(), st.sampled_from((0.0, 1 / 3, 1.0))), st.integers(1, 10_000), min_size=1
    ),
    st.floats(0.01, 0.9),
    st.floats(0.02, 0.98),
)  # fmt: skip
@settings(max_examples=40)
def test_the_mean_score_is_within_its_interval(
    seen: dict[tuple[bool, float], int], rate: float, chance: float
) -> None:
    counted: Units = {(rate, side, value): count for (side, value), count in seen.items()}
    mean = sum(count * score(kind, chance) for kind, count in counted.items()) / sum(seen.values())
    found = interval(counted, chance)
    assert -1 <= found.lower <= found.upper <= 1
    assert found.lower - 1e-6 <= min(max(mean, -1), 1) <= found.upper + 1e-6


def test_strata_that_contradict_each_other_leave_one_point() -> None:
    found = interval({(0.5, False, 0.0): 17, (0.01171875, False, 1 / 3): 79}, 0.5)
    assert found.lower == found.upper == pytest.approx(-0.3715, abs=1e-4)


@pytest.mark.parametrize(("ours", "theirs", "chance"), [(100, 900, 0.1), (500, 400, 0.5), (0, 7, 0.96)])
def test_the_sample_ratio_is_a_beta_binomial_against_a_binomial(
    ours: int, theirs: int, chance: float
) -> None:
    n = ours + theirs
    expected = betabinom.logpmf(ours, n, 100 * chance, 100 * (1 - chance)) - binom.logpmf(ours, n, chance)
    assert sample_ratio.evidence(ours, theirs, chance) == pytest.approx(expected)
    twice = sample_ratio.sample_ratio([(ours, theirs, chance)] * 2)
    assert twice == pytest.approx(exp(min(2 * expected, 690)))


def test_skewed_samples_are_noticed() -> None:
    assert sample_ratio.sample_ratio([(1_000, 9_000, 0.1)]) < 1
    assert sample_ratio.sample_ratio([(1_200, 8_800, 0.1)]) > sample_ratio.NEEDED


def spent(costs: list[float], passed: int) -> spending.Spent:
    micro = [round(1e6 * cost) for cost in costs]
    return spending.Spent(
        Cost(len(micro), sum(micro), sum(cost * cost for cost in micro)), len(micro), passed
    )


def test_the_standard_error_of_a_cost_ratio_is_that_of_many_samples() -> None:
    """Against the spread of the ratio itself over 400 samples of 400 requests a side."""
    draws = Random(1)
    logs = []
    for _ in range(400):
        means = [sum(draws.lognormvariate(0, 0.6) for _ in range(400)) / 400 for _ in range(2)]
        logs.append(log(means[1] / means[0]))
    mean = sum(logs) / len(logs)
    spread = sqrt(sum((one - mean) ** 2 for one in logs) / len(logs))
    sides = [spent([draws.lognormvariate(0, 0.6) for _ in range(400)], 0) for _ in range(2)]
    found = spending.compare(sides[0], sides[1], 0.02, per_success=False)
    assert found.ratio is not None and found.lower is not None
    width = log(found.ratio / found.lower)
    planned = norm.ppf(0.98) * spread
    assert 1.2 * planned < width < 4 * planned


def test_a_cost_per_success_is_bounded_whatever_the_correlation() -> None:
    costs = [0.001] * 200 + [0.003] * 200
    requests = spending.compare(spent(costs, 360), spent(costs, 360), 0.02, per_success=False)
    successes = spending.compare(spent(costs, 360), spent(costs, 360), 0.02, per_success=True)
    assert requests.baseline == pytest.approx(0.002)
    assert successes.baseline == pytest.approx(0.002 / 0.9)
    assert requests.lower is not None and successes.lower is not None
    assert requests.lower > successes.lower > 0


def test_costs_say_nothing_before_there_are_enough() -> None:
    many, few = spent([0.001] * 400, 400), spent([0.001] * 99, 99)
    assert spending.compare(many, few, 0.02, per_success=True).ratio is None
    assert spending.compare(many, spent([0.001] * 400, 99), 0.02, per_success=True).lower is None
    assert spending.compare(many, spent([0.0] * 400, 400), 0.02, per_success=False).ratio is None
    nothing = spending.compare(many, spending.Spent(Cost()), 0.02, per_success=False)
    assert nothing == spending.Compared(pytest.approx(0.001), None)
    assert spending.mean(spent([0.001], 0), True) is None
    assert spending.compare(many, many, 0.49, per_success=False).lower is not None


def test_a_dear_candidate_is_noticed_and_an_equal_one_is_not() -> None:
    draws = Random(2)
    costs = [draws.lognormvariate(-7, 0.5) for _ in range(5_000)]
    dear = [1.5 * cost for cost in costs]
    same = spending.compare(spent(costs, 4_500), spent(costs, 4_500), 0.02, per_success=True)
    more = spending.compare(spent(costs, 4_500), spent(dear, 4_500), 0.02, per_success=True)
    assert same.lower is not None and same.lower < 1.1
    assert more.lower is not None and more.lower > 1.1


def test_summaries_agree_with_statsmodels() -> None:
    found = summary.share(13, 1_000)
    low, high = proportion_confint(13, 1_000, method="wilson")
    assert found == pytest.approx((0.013, low, high), abs=1e-6)
    assert summary.share(0, 10).lower == 0.0
    middle = summary.median([float(value) for value in range(1_001)])
    assert middle.value == 500
    assert middle.lower < 470 and middle.upper > 530
    assert summary.median([1.0, None, None]).value == float("inf")
    assert summary.mean([1.0, 2.0, 3.0]) == pytest.approx(
        (2.0, 2 - 1.96 / sqrt(3), 2 + 1.96 / sqrt(3)), rel=1e-4
    )
