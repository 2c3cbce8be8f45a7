"""Measures: against scikit-learn and SciPy, and by hand where they have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from gateway.training.measures import (
    Ranking,
    better,
    calibration,
    correlation,
    interval,
    resamples,
    spearman,
)

ONES = [1.0] * 4
numbers = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=40))
def test_rank_correlation_is_scipys(rows: list[tuple[float, float]]) -> None:
    left, right = zip(*rows, strict=True)
    found = spearman(Ranking(left), Ranking(right))([1.0] * len(rows))
    varied = len(set(left)) > 1 and len(set(right)) > 1
    assert found == pytest.approx(spearmanr(left, right)[0] if varied else 0.0, abs=1e-9)


@given(st.lists(st.tuples(numbers, st.booleans(), st.integers(1, 3)), min_size=2, max_size=40))
def test_the_area_under_the_curve_is_scikit_learns(rows: list[tuple[float, bool, int]]) -> None:
    scores, hard, weights = zip(*rows, strict=True)
    found = Ranking(scores).auc(hard, [float(weight) for weight in weights])
    both = len(set(hard)) > 1
    assert found == pytest.approx(roc_auc_score(hard, scores, sample_weight=weights) if both else 0.5)


def test_gains_that_come_first_are_recovered_first() -> None:
    ranking = Ranking([4.0, 3.0, 2.0, 1.0])
    assert ranking.apgr([1, 0, 0, 0], ONES) == pytest.approx(0.875)
    assert ranking.apgr([0, 0, 0, 1], ONES) == pytest.approx(0.125)
    assert ranking.cpt([1, 1, 0, 0], ONES, 0.5) == pytest.approx(0.25)
    assert ranking.cpt([1, 1, 0, 0], ONES, 0.8) == pytest.approx(0.4)
    assert ranking.cpt([0, 0, 0, 0], ONES, 2.0) == 1.0


def test_rows_with_one_score_are_in_no_order() -> None:
    ranking = Ranking([1.0] * 4)
    assert ranking.apgr([1, 0, 0, 0], ONES) == 0.5 and ranking.cpt([1, 0, 0, 0], ONES, 0.5) == 0.5


def test_a_weight_is_so_many_rows() -> None:
    once, twice = Ranking([3.0, 2.0, 1.0]), Ranking([3.0, 2.0, 2.0, 1.0])
    assert once.apgr([1, 0, 1], [1.0, 2.0, 1.0]) == pytest.approx(twice.apgr([1, 0, 0, 1], ONES))
    assert once.apgr([0, 0, 0], [1.0, 2.0, 1.0]) == 0.5 and once.apgr([1, 0, 0], [0.0] * 3) == 0.5


def test_what_does_not_vary_has_no_correlation() -> None:
    assert correlation([1, 1], [1, 2], [1.0, 1.0]) == 0.0 == correlation([1], [1], [0.0])


def test_resamples_draw_whole_groups() -> None:
    samples = resamples(ONES, ["a", "a", "b", "c"], seed=1, runs=50)
    assert all(one[0] == one[1] for one in samples)
    assert samples == resamples(ONES, ["a", "a", "b", "c"], seed=1, runs=50)


def test_intervals_hold_their_figure_and_better_is_better() -> None:
    rows = np.random.default_rng(0).normal(size=300)
    weights = [1.0] * 300
    samples = resamples(weights, range(300), seed=0, runs=100)
    good = spearman(Ranking(rows + 0.1), Ranking(rows))
    fair = spearman(Ranking(rows + np.random.default_rng(1).normal(size=300)), Ranking(rows))
    found = interval(fair, weights, samples)
    assert found.low < found.value < found.high
    assert better(good, fair, samples) == 1.0 and better(fair, good, samples) == 0.0


def test_bins_hold_as_many_rows_each() -> None:
    bins = calibration([float(at) for at in range(100)], [float(at % 2) for at in range(100)])
    assert [part.rows for part in bins] == [10] * 10 and bins[0].score == 4.5 and bins[0].found == 0.5
    assert len(calibration([1.0], [0.0])) == 1
