"""Model files: what is read back, and what is refused with words for the operator."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.gate import FIGURES, TASKS
from routing.difficulty.hashing import hash_of
from routing.difficulty.model import (
    GateFile,
    HeadFile,
    ModelError,
    Scale,
    content_hash,
    read_model,
    write_model,
)
from tests.unit.routing.difficulty.made import body, fields, model

HEAD = HeadFile(intercept=0.0, words={})
FLAT = [0.0] * len(TASKS)
GATE = GateFile(list(TASKS), FLAT, {"review": [0.0, 0.0, 9.0, 0.0, 0.0]}, dict.fromkeys(FIGURES, FLAT))


def gated(**changed: Any) -> dict[str, Any]:
    return fields(gate=msgspec.structs.replace(GATE, **changed))


def with_head(**changed: Any) -> dict[str, Any]:
    return fields(heads={"*": msgspec.structs.replace(HEAD, **changed)})


def test_a_model_is_read_as_it_was_written() -> None:
    small = model()
    estimator = ModelEstimator(small)
    assert estimator.estimate(body("a tree is easy")) == ("other", 1100.0, "")
    assert small.hash.startswith("sha256:") and small == model() and small != model(name="another")
    assert small.head("anything") is small.head("*") and small.quantiles("anything") == []


def test_a_gate_chooses_the_head() -> None:
    heads = {
        "*": HEAD,
        "review": msgspec.structs.replace(HEAD, intercept=5.0, curve=([0.0, 9.0], [0.0, 9.0])),
    }
    estimator = ModelEstimator(model(gate=GATE, heads=heads))
    assert estimator.estimate(body("a review of it")) == ("review", 5.0, "")
    assert estimator.estimate(body("...")).task == "other"


def test_hashed_tokens_find_their_weights() -> None:
    head = msgspec.structs.replace(HEAD, words={hash_of("tree"): 2.0}, curve=([0.0, 9.0], [0.0, 9.0]))
    assert ModelEstimator(model(tokens="crc32", heads={"*": head})).estimate(body("a tree")).score == 2.0


def test_whole_numbers_are_numbers() -> None:
    content = write_model(fields(heads={"*": {"intercept": 1, "words": {"tree": 2}, "named": {"a b": 3}}}))
    assert read_model(content).hash == read_model(content.replace(b'"tree": 2.0', b'"tree": 2')).hash


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff{", "is not JSON"),
        (b'{"data": ' + b'{"a": ' * 100_000, "is not JSON"),
        (b"{}", "is not a difficulty model"),
        (b'{"format": 3}', "is not a difficulty model"),
    ],
)
def test_what_is_no_model_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_model(content)


def test_damage_and_other_formats_are_refused() -> None:
    content = write_model(fields())
    with pytest.raises(ModelError, match="damaged"):
        read_model(content.replace(b"300.0", b"301.0"))
    with pytest.raises(ModelError, match="not JSON"):
        read_model(content[: len(content) // 2])
    other = msgspec.json.decode(content) | {"format": "headgate-difficulty-9"}
    other["hash"] = content_hash(other)
    with pytest.raises(ModelError, match="headgate-difficulty-9"):
        read_model(msgspec.json.encode(other))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (fields(target="speed"), "target or tokens"),
        (fields(tokens="md5"), "target or tokens"),
        (fields(scale=Scale("range", 2.0, 2.0)), "min is not below"),
        (fields(heads={}), "no head for every task"),
        (fields(heads={"review": HEAD}), "no head for every task"),
        (fields(heads={"review": HEAD}, gate=GATE), "no head for every task"),
        (fields(heads={"*": {"intercept": "much", "words": {}}}), "is not a difficulty model"),
        (gated(tasks=["one"]), "other tasks or figures"),
        (gated(figures={}), "other tasks or figures"),
        (gated(words={"a": [1.0]}), "columns do not match"),
        (with_head(shapes={"colour": ([0.0, 1.0], [0.0, 1.0])}), "unknown features"),
        (with_head(shapes={"length": ([1.0, 0.0], [0.0, 1.0])}), "knots do not rise"),
        (with_head(curve=([0.0], [0.0])), "knots do not rise"),
        (with_head(pairs={"alone": 1.0}), "pair of one word"),
        (with_head(named={"alone": 1.0}), "pair of one word"),
        (with_head(curve=([0.0, 1.0], [1.0, 0.0])), "do not rise"),
        (with_head(quantiles=[2.0, 1.0]), "do not rise"),
    ],
)
def test_models_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        write_model(wrong)
