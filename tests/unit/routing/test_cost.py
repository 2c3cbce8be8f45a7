"""Usage of upstreams' different kinds, and its cost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.cost import Usage, cost_usd, disjoint, usage_of
from routing.snapshot import Price


def test_chat_usage_is_made_disjoint() -> None:
    usage = {
        "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }  # fmt: skip
    assert usage_of(usage) == Usage(input=60, cached_input=40, output=15, reasoning=5)


def test_responses_usage() -> None:
    usage = {
        "input_tokens": 10, "output_tokens": 8, "total_tokens": 18,
        "input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 6},
    }  # fmt: skip
    assert usage_of(usage) == Usage(7, 3, 2, 6)


def test_where_the_total_is_more_the_rest_is_reasoning() -> None:
    google = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}
    assert usage_of(google) == Usage(10, 0, 5, 25)
    told = {**google, "completion_tokens_details": {"reasoning_tokens": 25}}
    assert usage_of(told) == Usage(10, 0, 5, 25)


def test_embeddings_have_no_output() -> None:
    assert usage_of({"prompt_tokens": 8, "total_tokens": 8}) == Usage(8)


@pytest.mark.parametrize(
    "usage",
    [
        None, [], "x", 5, {}, {"total_tokens": 5}, {"prompt_tokens": "5"}, {"prompt_tokens": True},
        {"prompt_tokens": -1}, {"prompt_tokens": 1.5}, {"prompt_tokens": 10**400},
        {"prompt_tokens": 1, "completion_tokens": []}, {"prompt_tokens": 1, "total_tokens": -4},
    ],
)  # fmt: skip
def test_garbage_is_no_usage(usage: object) -> None:
    assert usage_of(usage) is None


def test_details_that_make_no_sense_are_left_aside() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": None, "prompt_tokens_details": {"cached_tokens": 9}}
    assert usage_of(usage) == Usage(0, 5, 0, 0)
    assert usage_of({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": "9"}}) == Usage(5)


COUNTS = st.none() | st.integers() | st.floats() | st.text(max_size=2) | st.lists(st.integers(), max_size=2)
DETAILS = COUNTS | st.dictionaries(st.sampled_from(("cached_tokens", "reasoning_tokens")), COUNTS)
NAMES = st.sampled_from(
    ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens",
     "prompt_tokens_details", "completion_tokens_details")
)  # fmt: skip


@given(st.dictionaries(NAMES, COUNTS | DETAILS | st.integers(0, 100)))
def test_usage_never_raises_and_is_never_negative(usage: dict[str, Any]) -> None:
    parsed = usage_of(usage)
    if parsed is not None:
        assert min(parsed.by_type()) >= 0
        told = usage.get("prompt_tokens", usage.get("input_tokens"))
        assert parsed.input + parsed.cached_input == (told or 0)


def test_two_answers_together() -> None:
    assert Usage(60, 40, 15, 5).plus(Usage(1, 2, 3)) == Usage(61, 42, 18, 5)


def test_cost() -> None:
    price = Price(input=1e-6, cached_input=5e-7, output=2e-6, request=0.0004)
    assert cost_usd(Usage(60, 40, 15, 5), price) == pytest.approx(60e-6 + 20e-6 + 40e-6 + 0.0004)
    assert cost_usd(Usage(0), Price(request=0.5)) == 0.5


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ((10, 5, 15, 99, 99), (0, 10, 0, 5)),
        ((10, 5, 15, -3, -3), (10, 0, 5, 0)),
        ((10, 5, 15, 4, 2), (6, 4, 3, 2)),
    ],
)
def test_a_part_is_never_more_than_its_whole(told: tuple[int, ...], counted: tuple[int, ...]) -> None:
    assert disjoint(*told) == Usage(*counted)
