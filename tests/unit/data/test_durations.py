"""Histograms as workers fill them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.data.record import Durations

BOUNDS = (0.001, 0.005, 0.5, 2.0)


@given(st.lists(st.sampled_from(BOUNDS) | st.floats(0, 5, allow_nan=False)))
def test_a_value_is_counted_under_the_first_bound_that_it_does_not_pass(values: list[float]) -> None:
    durations = Durations(BOUNDS)
    for value in values:
        durations.observe(value)
    wanted = [0] * (len(BOUNDS) + 1)
    for value in values:
        wanted[sum(bound < value for bound in BOUNDS)] += 1
    assert durations.counts == wanted
    assert durations.total == pytest.approx(sum(values))  # newer Pythons sum more exactly than one by one
