"""Segments and their conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.decision import Score
from routing.difficulty.explicit import UNKNOWN
from routing.language import language_of
from routing.segments import fact_of, holds, segment_of
from routing.snapshot import Condition, Fixed, Key
from routing.sticky import bucket
from tests.unit.routing.made import BASE, HARD, SALT, facts, route, segment

OPERATORS = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "exists")
ROUTE = route()
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]


def check(subject: str, operator: str, value: Any, score: Score = UNKNOWN, **asked: Any) -> bool:
    subject, _, name = subject.partition(".")
    return holds(Condition(subject, name, operator, value, SALT), ROUTE, facts(**asked), score)


def test_the_first_segment_whose_conditions_hold() -> None:
    table = route(
        segment(Fixed(BASE), HARD, Condition("application", "", "eq", "judge"), name="both"),
        segment(Fixed(BASE), HARD, name="hard"),
        segment(Fixed(BASE), name="rest"),
    )
    hard = Score(2600.0, "header", "none")
    assert segment_of(table, facts(), hard).name == "both"
    other = facts(caller=Key("k", "other", 0, frozenset()))
    assert segment_of(table, other, hard).name == "hard"
    assert segment_of(table, other, UNKNOWN).name == "rest"
    assert segment_of(route(segment(Fixed(BASE), HARD, name="last")), facts(), UNKNOWN).name == "last"


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("eq", 2500.0, True), ("ne", 2500.0, False), ("in", (800.0, 2500.0), True), ("in", (800.0,), False),
        ("gt", 2500.0, False), ("gte", 2500.0, True), ("lt", 2500.0, False), ("lte", 2500.0, True),
        ("exists", True, True), ("exists", False, False),
    ],
)  # fmt: skip
def test_difficulty(operator: str, value: object, expected: bool) -> None:
    assert check("difficulty", operator, value, Score(2500.0, "header", "none")) is expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_unknown_difficulty_makes_its_condition_false(operator: str) -> None:
    value: object = {"in": (1.0,), "exists": True}.get(operator, 1.0)
    assert check("difficulty", operator, value) is False


def test_difficulty_is_not_there() -> None:
    assert check("difficulty", "exists", False) is True


def test_gain_is_not_known_yet() -> None:
    assert check("gain", "top", 2_000) is False


@pytest.mark.parametrize(
    ("operator", "value", "metadata", "expected"),
    [
        ("eq", "gold", "gold", True), ("eq", "gold", "Gold", False), ("eq", "2700", 2700, True),
        ("eq", 2700, "2700.0", True), ("eq", True, True, True), ("eq", "true", True, True),
        ("eq", True, 1, False), ("ne", "gold", "silver", True), ("ne", "gold", None, True),
        ("eq", "gold", None, False), ("in", ("gold", 7), "7", True), ("in", ("gold", 7), "x", False),
        ("gte", 2500, "2700", True), ("gte", 2500, "900", False), ("gte", 2500, "n/a", False),
        ("lt", 2500, "n/a", False), ("eq", 2500, "n/a", False), ("ne", 2500, "n/a", True),
        ("gt", "2025-01-01", "2025-06-30", True), ("gt", "b", "a", False), ("gt", "b", 3, False),
        ("exists", True, "", True), ("exists", True, None, False), ("exists", False, None, True),
        ("exists", True, [], True), ("eq", "x", ["x"], False), ("ne", "x", ["x"], True),
        ("gt", "a", {"b": 1}, False), ("eq", "1", 10**400, False), ("lt", 5, float("inf"), False),
    ],
)  # fmt: skip
def test_metadata(operator: str, value: object, metadata: object, expected: bool) -> None:
    assert check("metadata.tier", operator, value, metadata={"tier": metadata}) is expected


@pytest.mark.parametrize("metadata", [None, "tier", ["tier"], 5])
def test_metadata_that_is_no_object_has_no_fields(metadata: object) -> None:
    assert check("metadata.tier", "exists", False, metadata=metadata) is True


def test_headers() -> None:
    sent = {"headers": {"x-tier": "골드".encode(), "x-bad": b"\xff", "x-n": b"7"}}
    assert check("header.x-tier", "eq", "골드", **sent)
    assert check("header.x-n", "lt", 10, **sent)
    assert check("header.x-bad", "exists", True, **sent)
    assert check("header.x-none", "exists", False, **sent)


def test_application() -> None:
    assert check("application", "in", ("judge", "shop"))
    assert not check("application", "eq", "shop")


def test_tokens_are_estimated_from_the_text() -> None:
    assert check("tokens", "lt", 10.0)
    assert check("tokens", "gte", 1_000.0, messages=[{"role": "user", "content": "word " * 1_000}])
    texts = {"messages": None, "input": ["word " * 1_000, 7, {"role": 1}]}
    assert check("tokens", "gte", 1_000.0, **texts) and check("tokens", "lt", 2_000.0, **texts)
    korean = [{"role": "user", "content": "주문할게요 " * 100}]
    assert check("tokens", "gt", 300.0, messages=korean) and check("tokens", "lt", 700.0, messages=korean)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Find the longest path.", "en"), ("Où est la gare ?", "en"), ("아이스 아메리카노 두 잔", "ko"),
        ("다음 코드를 고쳐줘: for (int i = 0; i < n; i++)", "ko"), ("カタカナとひらがな", "ja"),
        ("東京の天気を教えて", "ja"), ("请把这句话翻译成英文", "zh"), ("Привет, мир", "ru"), ("مرحبا", "ar"),
        ("नमस्ते", "hi"), ("สวัสดี", "th"), ("שלום", "he"), ("Καλημέρα", "el"), ("12 + 30 = ?", None),
        ("", None), ("Is naïve π a café word in an English sentence?", "en"), ("🙂", None),
    ],
)  # fmt: skip
def test_language_by_script(text: str, language: str | None) -> None:
    assert language_of(text) == language
    assert check("language", "exists", True, messages=[{"role": "user", "content": text}]) is bool(language)


def test_the_language_is_that_of_the_last_user_turn() -> None:
    turns = [("system", "Answer in English."), ("user", "hello"), ("user", "안녕하세요"), ("assistant", "hi")]
    messages = [{"role": role, "content": content} for role, content in turns]
    assert check("language", "eq", "ko", messages=messages)


@pytest.mark.parametrize(
    ("feature", "body"),
    [
        ("tools", {"tools": [{"type": "function"}]}),
        ("tools", {"functions": [{"name": "f"}]}),
        ("images", {"messages": IMAGE}),
        ("images", {"messages": None, "input": [{"role": "user", "content": [{"type": "input_image"}]}]}),
        ("json_schema", {"response_format": {"type": "json_schema"}}),
        ("json_schema", {"text": {"format": {"type": "json_schema"}}}),
    ],
)
def test_features(feature: str, body: dict[str, Any]) -> None:
    others = {"tools", "images", "json_schema"} - {feature}
    assert check("has", "eq", feature, **body)
    assert check("has", "in", (feature, *others), **body)
    assert not check("has", "in", tuple(others), **body)
    assert check("has", "exists", True, **body) and not check("has", "exists", False, **body)
    for other in others:
        assert check("has", "ne", other, **body) and not check("has", "eq", other, **body)


def test_no_features() -> None:
    plain = {"tools": [], "response_format": {"type": "text"}, "text": "x"}
    assert not check("has", "exists", True, **plain)
    assert check("has", "ne", "tools", **plain) and not check("has", "eq", "tools", **plain)


def test_percent_is_a_sticky_sample() -> None:
    condition = Condition("percent", "", "lt", 2_000, b"percent")
    held = 0
    for number in range(500):
        asked = facts(user=f"u{number}")
        lot = bucket(b"percent", f"u{number}".encode())
        assert fact_of(condition, ROUTE, asked, UNKNOWN) == lot
        assert holds(condition, ROUTE, asked, UNKNOWN) is (lot < 2_000)
        held += lot < 2_000
    assert 70 <= held <= 130


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
SUBJECTS = ("difficulty", "gain", "tokens", "language", "has", "metadata", "header", "application", "percent")
FIELDS = st.sampled_from(("messages", "input", "prompt", "metadata", "tools", "text", "instructions", "user"))
SCALARS = st.text(max_size=5) | st.integers() | st.floats(allow_nan=False) | st.booleans()


@given(
    subject=st.sampled_from(SUBJECTS),
    operator=st.sampled_from(OPERATORS),
    value=SCALARS,
    body=st.dictionaries(FIELDS, JSON | st.fixed_dictionaries({"tier": JSON})),
    header=st.binary(max_size=8),
)
def test_conditions_are_total(
    subject: str, operator: str, value: Any, body: dict[str, Any], header: bytes
) -> None:
    score = Score(2000.0, "header", "none")
    if operator == "in":
        value = (value,)
    elif operator == "exists":
        value = True
    elif subject in ("difficulty", "percent"):
        value = 1000.0
    held = check(subject + ".tier", operator, value, score, headers={"tier": header}, **body)
    assert held is True or held is False
