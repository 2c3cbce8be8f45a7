"""What a worker tells of a prompt for learning: hashes, and nothing where there is nothing to read."""

from __future__ import annotations

import json

import pytest

from gateway.data.capture import features_of
from routing.difficulty.features import features_of as plain
from routing.difficulty.features import restored
from routing.difficulty.hashing import hash_of


def body(text: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}]}


def test_features_of_a_text() -> None:
    asked = body("Find the shortest path in the tree, 1 <= n <= 100000.")
    told = json.loads(features_of(asked, "other"))
    assert told["task"] == "other" and "shortest" not in str(told)
    assert restored(told).words == frozenset(map(hash_of, plain(asked).words))
    assert json.loads(features_of(asked, ""))["task"] is None


@pytest.mark.parametrize("text", ["", " \n", None, [{"type": "image_url"}]])
def test_without_a_text_there_are_none(text: object) -> None:
    assert features_of(body(text), "") == b""


def test_what_cannot_be_read_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(body: object) -> None:
        raise RecursionError

    monkeypatch.setattr("gateway.data.capture.hashed_features", fail)
    assert features_of(body("hi"), "") == b""
