"""The crowd: large users are found, and nobody is taken for one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from routing.rollout.crowd import SLOTS, Crowd


@given(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 100_000)), max_size=600))
def test_shares_are_never_too_high_and_little_too_low(units: list[int]) -> None:
    crowd = Crowd()
    crowd.add(units[:100])
    crowd.add(units[100:])
    truth = max(Counter(units).values(), default=0) / max(len(units), 1)
    assert truth - 1 / (SLOTS + 1) - 1e-9 <= crowd.largest() <= truth


def test_a_third_of_the_traffic_shows_among_many_users() -> None:
    crowd = Crowd()
    crowd.add(7 if number % 3 == 0 else 1_000 + number for number in range(30_000))
    assert crowd.largest() > 0.3
