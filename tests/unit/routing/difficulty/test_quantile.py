"""The rolling quantile: a share is kept, whatever the scores are."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.difficulty.quantile import SHARES, SIZE, RollingSample

Draw = Callable[[], float]


def sent(sample: RollingSample, share: float, draw: Draw, requests: int, every: int = 1) -> float:
    """The share that is sent of so many requests, thresholds being asked for after every so many."""
    above = 0
    threshold: float | None = None
    for at in range(requests):
        if at % every == 0:
            threshold = sample.threshold(share)
        score = draw()
        above += threshold is not None and score >= threshold
        sample.add(score)
    return above / requests


def test_nothing_seen_has_no_threshold() -> None:
    assert RollingSample().threshold(0.2) is None


def test_expected_scores_serve_until_real_ones_replace_them() -> None:
    sample = RollingSample(range(100))
    assert len(sample) == 0 and sample.threshold(0.2) == 79.5
    for _ in range(50):
        sample.add(1000.0)
    assert len(sample) == 50
    for _ in range(SIZE):
        sample.add(5.0)
    assert len(sample) == SIZE and RollingSample([5.0] * 9).threshold(0.2) == 5.0


def test_all_and_nothing_are_shares_too() -> None:
    sample = RollingSample([1.0, 2.0])
    assert sample.threshold(0) == inf and sample.threshold(1) == -inf
    assert sample.threshold(0.99) == 1.0
    assert sample.threshold(0.01) > 2.0  # type: ignore[operator]


def test_what_is_no_number_is_passed_over() -> None:
    sample = RollingSample([nan, 1.0, inf])
    sample.add(nan)
    sample.add(-inf)
    assert len(sample) == 0 and sample.threshold(0.9) == 1.0


def test_asking_twice_tells_the_same() -> None:
    sample = RollingSample(range(100))
    draw = random.Random(1)
    for _ in range(40):
        sample.add(draw.random())
        assert sample.threshold(0.3) == sample.threshold(0.3)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("every", [1, 20])
@pytest.mark.parametrize("domain", [(2.0, 0.5), (-2.0, 0.5), (0.5, 2.0)])
def test_the_share_holds_within_500_requests_of_another_domain(
    share: float, every: int, domain: tuple[float, float]
) -> None:
    draw = random.Random(7)
    sample = RollingSample([draw.gauss(0, 1) for _ in range(101)])
    assert sent(sample, share, lambda: draw.gauss(0, 1), 1_000, every) == pytest.approx(share, abs=0.02)
    assert sent(sample, share, lambda: draw.gauss(*domain), 500, every) == pytest.approx(share, abs=0.02)
    assert sent(sample, share, lambda: draw.gauss(*domain), 500, every) == pytest.approx(share, abs=0.02)


def test_scores_that_are_all_alike_are_shared_out() -> None:
    assert sent(RollingSample(), 0.2, lambda: 7.0, 1_000) == pytest.approx(0.2, abs=0.02)


def test_thresholds_told_rarely_do_not_swing() -> None:
    draw = random.Random(3)
    sample = RollingSample()
    assert sent(sample, 0.2, draw.random, 10_000, every=250) == pytest.approx(0.2, abs=0.03)


def test_a_share_asked_for_long_ago_is_forgotten() -> None:
    sample = RollingSample(range(100))
    for at in range(SHARES + 1):
        sample.threshold((at + 1) / 100)
    for _ in range(20):
        sample.add(-1.0)
    assert sample.threshold(0.01) == RollingSample([*range(20, 100), *[-1.0] * 20]).threshold(0.01)


@settings(max_examples=50)
@given(st.lists(st.floats(), max_size=60), st.floats(0, 1), st.integers(1, 20))
def test_a_threshold_is_a_number_whatever_is_added(scores: list[float], share: float, size: int) -> None:
    sample = RollingSample(scores[:5], size)
    for score in scores:
        sample.add(score)
        threshold = sample.threshold(share)
        assert threshold is None or threshold == threshold
    assert len(sample) <= size
