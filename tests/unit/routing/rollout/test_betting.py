"""Betting: fair games stay fair, whatever is believed of the baseline; exhaustively where possible."""

from __future__ import annotations

from itertools import product
from math import exp, fsum, isclose, log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rollout import betting
from routing.rollout.betting import Kind, Units, averaged, capital, gains, harm, over_periods, safe, score

RATES = st.floats(0.01, 0.9)
CHANCES = st.floats(0.01, 0.99)
GAMES = (harm(0.0), harm(0.025), safe(0.03), safe(0.3))


@given(RATES, CHANCES, st.floats(0, 1), st.floats(0, 1))
def test_the_score_is_the_extra_bad_on_average_whatever_is_believed(
    rate: float, chance: float, ours: float, theirs: float
) -> None:
    kinds: dict[Kind, float] = {
        (rate, True, 1.0): chance * ours,
        (rate, True, 0.0): chance * (1 - ours),
        (rate, False, 1.0): (1 - chance) * theirs,
        (rate, False, 0.0): (1 - chance) * (1 - theirs),
    }
    mean = fsum(share * score(kind, chance) for kind, share in kinds.items())
    assert mean == pytest.approx(ours - theirs, abs=1e-9)


@given(RATES, CHANCES, st.booleans(), st.floats(0, 1))
def test_scores_lie_within_their_extremes(rate: float, chance: float, side: bool, value: float) -> None:
    found = score((rate, side, value), chance)
    assert betting.least(rate, chance) - 1e-9 <= found <= betting.most(rate, chance) + 1e-9


@given(st.sampled_from(GAMES), RATES, CHANCES, st.booleans(), st.floats(0, 1))
def test_no_unit_takes_more_than_the_boldest_share(
    game: betting.Game, rate: float, chance: float, side: bool, value: float
) -> None:
    assert all(gain >= log1p(-betting.BOLDEST) - 1e-9 for gain in gains(game, (rate, side, value), chance))


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("chance", [0.1, 0.444, 0.96])
@pytest.mark.parametrize("theirs", [0.0, 0.1, 0.6])
def test_on_the_bound_the_capital_is_fair_over_every_possible_course(
    game: betting.Game, chance: float, theirs: float
) -> None:
    """All sequences of three units: the mean capital is 1 when Δ is the bound, and less beyond it."""
    for rate in (0.03, 0.1, 0.5):
        for extra in (game.bound, game.bound - 0.05 * game.sign):
            ours = theirs + extra
            if not 0 <= ours <= 1:
                continue
            mean = expected(game, rate, chance, ours, theirs, 3)
            if extra == game.bound:
                assert mean == pytest.approx(1.0)
            else:
                assert mean < 1


def expected(game: betting.Game, rate: float, chance: float, ours: float, theirs: float, units: int) -> float:
    kinds: list[tuple[Kind, float]] = [
        ((rate, True, 1.0), chance * ours),
        ((rate, True, 0.0), chance * (1 - ours)),
        ((rate, False, 1.0), (1 - chance) * theirs),
        ((rate, False, 0.0), (1 - chance) * (1 - theirs)),
    ]
    total = 0.0
    for course in product(kinds, repeat=units):
        counted: dict[Kind, float] = {}
        likelihood = 1.0
        for kind, share in course:
            counted[kind] = counted.get(kind, 0) + 1
            likelihood *= share
        total += likelihood * averaged(capital(game, counted, chance))
    return total


def test_parts_of_the_capital_join_with_each_period_and_the_whole_stays_fair() -> None:
    """Two units in each of two periods, every course of them."""
    game, first, second = harm(0.0), 0.1, 0.444
    total = 0.0
    for courses in product(
        product(outcomes(first, 0.2, 0.2), repeat=2), product(outcomes(second, 0.3, 0.3), repeat=2)
    ):
        likelihood = 1.0
        logs = []
        for course, chance in zip(courses, (first, second), strict=True):
            counted: dict[Kind, float] = {}
            for kind, share in course:
                likelihood *= share
                counted[kind] = counted.get(kind, 0) + 1
            logs.append(capital(game, counted, chance))
        total += likelihood * over_periods(logs)
    assert total == pytest.approx(1.0)


def outcomes(chance: float, ours: float, theirs: float) -> list[tuple[Kind, float]]:
    return [
        ((0.1, True, 1.0), chance * ours),
        ((0.1, True, 0.0), chance * (1 - ours)),
        ((0.1, False, 1.0), (1 - chance) * theirs),
        ((0.1, False, 0.0), (1 - chance) * (1 - theirs)),
    ]


@given(st.lists(st.lists(st.floats(-5, 5), min_size=8, max_size=8), min_size=1, max_size=5))
def test_periods_are_weighed_as_the_formula_says(logs: list[list[float]]) -> None:
    parts = [0.9, 0.05, 0.025, 0.0125, 0.00625][: len(logs)]
    expected = 1 - sum(parts)
    for start, part in enumerate(parts):
        products = [exp(sum(row[j] for row in logs[start:])) for j in range(8)]
        expected += part * sum(products) / 8
    assert over_periods(logs) == pytest.approx(expected)


def test_capital_is_what_the_formula_says() -> None:
    units: Units = {(0.1, True, 1.0): 3, (0.1, False, 1.0): 5, (0.1, True, 0.0): 20, (0.1, False, 1 / 3): 7}
    w, rate, m = 0.25, 0.1, 0.005
    variance = rate * (1 - rate) / (w * (1 - w))
    lowest = min(-rate / w, -(1 - rate) / (1 - w))
    for size, found in zip(betting.SIZES, capital(harm(m), units, w), strict=True):
        stake = min(size / variance, 0.6 / (m - lowest))
        product_ = 1.0
        for (_, side, value), count in units.items():
            x = (value - rate) * (side / w - (1 - side) / (1 - w))
            product_ *= (1 + stake * (x - m)) ** count
        assert isclose(exp(found), product_, rel_tol=1e-9)
    highest = max((1 - rate) / w, rate / (1 - w))
    for multiple, found in zip((0.5, 0.75, 1, 1.5, 2.5), capital(safe(0.03), units, w), strict=True):
        stake = min(0.03 * multiple / variance, 0.6 / (highest - 0.03))
        product_ = 1.0
        for (_, side, value), count in units.items():
            x = (value - rate) * (side / w - (1 - side) / (1 - w))
            product_ *= (1 + stake * (0.03 - x)) ** count
        assert isclose(exp(found), product_, rel_tol=1e-9)


@given(st.permutations(list(product((0.05, 0.2), (False, True), (0.0, 1 / 3, 1.0)))), st.data())
def test_the_order_of_units_changes_nothing_to_the_last_bit(kinds: list[Kind], data: st.DataObject) -> None:
    counts = {kind: data.draw(st.integers(1, 10_000)) for kind in kinds}
    shuffled = {kind: counts[kind] for kind in sorted(counts)}
    assert capital(harm(0.0), counts, 0.1) == capital(harm(0.0), shuffled, 0.1)


def test_capitals_beyond_what_floats_hold_are_cut() -> None:
    assert averaged([10_000.0]) == averaged([betting.LARGEST])
    assert averaged([-10_000.0]) == 0.0
    assert capital(harm(0.0), {}, 0.1) == [0.0] * 8
    assert betting.tried(harm(0.0), {}, 0.1) == 1.0
