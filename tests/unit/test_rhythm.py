"""Whoever wakes up regularly does it at the same moments as everybody else."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gateway.rhythm import EARLY, next_moment_or, until_next

PERIODS = st.sampled_from([0.1, 0.5, 1.0, 5.0])
NOW = st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000)


@given(PERIODS, NOW)
def test_the_next_moment_is_a_multiple_of_the_period_and_not_this_one(period, now):
    left = until_next(period, now)
    assert EARLY * period <= left <= (1 + EARLY) * period
    beats = (now + left) / period
    assert beats == approx(round(beats), abs=1e-4)


@given(NOW)
def test_longer_periods_meet_the_shorter_ones(now):
    slow = now + until_next(1.0, now)
    assert slow + until_next(0.1, slow) == approx(slow + 0.1, abs=1e-4)


def test_a_timer_that_is_early_is_not_set_for_the_same_moment():
    assert until_next(1.0, 41.999) == approx(1.001)


def test_an_event_comes_before_the_moment():
    async def wait():
        event = asyncio.Event()
        event.set()
        await next_moment_or(event, 1e6)
        await next_moment_or(asyncio.Event(), 0.01)

    asyncio.run(wait())
