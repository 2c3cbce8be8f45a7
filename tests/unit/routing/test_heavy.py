"""The heaviest unit: its share of the traffic, within the bound of the method."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from routing.evidence.heavy import COUNTERS, FEWEST, WINDOW, Heavy


@given(st.lists(st.integers(0, 200), min_size=1, max_size=400), st.integers(0, 3_000))
def test_a_share_is_never_too_high_and_hardly_too_low(units: list[int], without_key: int) -> None:
    heavy = Heavy()
    heavy.add(units, len(units) + without_key + FEWEST)
    requests = len(units) + without_key + FEWEST
    share = max(Counter(units).values()) / requests
    assert share - len(units) / (COUNTERS + 1) / requests <= heavy.share <= share


def test_one_among_many_strangers_is_found() -> None:
    heavy = Heavy()
    for at in range(40):
        heavy.add([7] * 100 + list(range(1_000 + 200 * at, 1_200 + 200 * at)), 300)
    assert 1 / 3 - 1 / COUNTERS <= heavy.share <= 1 / 3


def test_few_requests_say_nothing() -> None:
    heavy = Heavy()
    heavy.add([7] * (FEWEST - 1), FEWEST - 1)
    assert heavy.share == 0
    heavy.add([7], 1)
    assert heavy.share == 1


def test_what_was_long_ago_weighs_less() -> None:
    heavy = Heavy()
    heavy.add([7] * WINDOW, WINDOW)
    for _ in range(4):
        heavy.add([], WINDOW)
    assert heavy.share < 0.1
