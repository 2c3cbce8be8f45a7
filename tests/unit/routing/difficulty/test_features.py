"""Features of a text: hashes that say which words there were, in an order that says nothing."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.difficulty.dense import NAMES
from routing.difficulty.features import Features, features_of
from routing.difficulty.hashing import hash_of
from routing.difficulty.reading import read


def body(text: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}]}


def test_they_are_those_that_a_model_of_hashes_weighs() -> None:
    text = "Find the shortest path in the tree, 1 <= n <= 100000."
    found, hashed = features_of(body(text), "other"), read(text).hashed()
    assert found is not None and found.task == "other"
    assert set(found.words) == hashed.unique and set(found.bounds) == hashed.bounds
    assert {tuple(pair.split()) for pair in found.pairs} == set(pairwise(hashed.words))
    assert found.dense == pytest.approx(hashed.dense, abs=1e-6) and len(found.dense) == len(NAMES)
    assert found.words == sorted(found.words) and found.pairs == sorted(found.pairs)
    assert msgspec.convert(msgspec.to_builtins(found), Features) == found


@given(st.text())
def test_no_word_is_left_in_them(text: str) -> None:
    found = features_of(body(text))
    if found is not None:
        assert found.task is None
        assert all(len(word) == len(hash_of("a")) for word in found.words)


@pytest.mark.parametrize("text", ["", " ", None, 7, [{"type": "image_url"}]])
def test_without_a_text_there_are_none(text: object) -> None:
    assert features_of(body(text)) is None


def test_what_cannot_be_read_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise RecursionError

    monkeypatch.setattr("routing.difficulty.features.read", fail)
    assert features_of(body("hi")) is None
