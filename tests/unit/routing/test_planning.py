from __future__ import annotations

from math import inf, log
from random import Random

import pytest

from routing.rollout.planning import BOLDEST, MULTIPLES, growth, units_to_promote


def simulated(rng: Random, margin: float, rate: float, chance: float, level: float) -> int:
    """Units until the safe test passes in one run with two equal variants."""
    variance = rate * (1 - rate) / (chance * (1 - chance))
    highest = max((1 - rate) / chance, rate / (1 - chance))
    bets = [min(multiple * margin / variance, BOLDEST / (highest - margin)) for multiple in MULTIPLES]
    capital = [1.0] * len(bets)
    units = 0
    while sum(capital) / len(capital) < 1 / level:
        units += 1
        bad = rng.random() < rate
        side = 1 / chance if rng.random() < chance else -1 / (1 - chance)
        score = (bad - rate) * side
        capital = [held * (1 + bet * (margin - score)) for held, bet in zip(capital, bets, strict=True)]
    return units


@pytest.mark.parametrize(
    ("margin", "rate", "chance"), [(0.03, 0.10, 0.444), (0.05, 0.05, 0.5), (0.10, 0.30, 0.3)]
)
def test_a_typical_simulated_run_needs_about_as_many_units(margin: float, rate: float, chance: float) -> None:
    rng = Random(7)
    runs = sorted(simulated(rng, margin, rate, chance, 0.05) for _ in range(61))
    planned = units_to_promote(margin, rate, chance, 0.05)
    assert 0.6 * planned < runs[30] < 1.1 * planned
    assert runs[48] < 1.9 * planned


def test_small_bets_grow_as_the_quadratic_approximation_says() -> None:
    margin, rate, chance = 0.01, 0.10, 0.1
    variance = rate * (1 - rate) / (chance * (1 - chance))
    assert growth(margin, rate, chance) == pytest.approx(margin**2 / variance / 2, rel=0.1)


def test_units_follow_from_growth() -> None:
    needed = log(1 / 0.05) / growth(0.03, 0.10, 0.1)
    assert units_to_promote(0.03, 0.10, 0.1, 0.05) == pytest.approx(needed, abs=1)


def test_a_wider_margin_and_an_even_split_need_fewer_units() -> None:
    assert units_to_promote(0.05, 0.1, 0.1, 0.05) < units_to_promote(0.03, 0.1, 0.1, 0.05)
    assert units_to_promote(0.03, 0.1, 0.5, 0.05) < units_to_promote(0.03, 0.1, 0.1, 0.05)


def test_a_margin_that_no_unit_can_speak_against_needs_none() -> None:
    assert growth(1.0, 0.9, 0.5) > 0
    assert growth(1.0, 0.5, 0.5) == inf
    assert units_to_promote(1.0, 0.5, 0.5, 0.05) == 0
