from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.validators.json import Json
from routing.validators.verdict import Failed, Passed, Reason

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from(["", " ", "\n", "\r\n\t "]))
def test_every_json_value_passes_with_white_space_around_it(value: object, space: str) -> None:
    assert Json().check(space + json.dumps(value) + space) == Passed()


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "NaN", "Infinity", "-Infinity", "1e999", "{} {}", "{}\n{}", "{}x", "{'a': 1}", '{"a": 1,}',
        "[1, 2", "// no\n1", '"\\ud800"', '"\ud800"', '"a\nb"', "\ufeff{}", "01", "+1", ".5", "undefined",
        "\u00a01", "[" * 1025 + "]" * 1025, "[" * 100_000, '{"a":' * 100_000, "Here you are: {}",
    ],
)  # fmt: skip
def test_what_is_not_one_json_value_fails(text: str) -> None:
    assert Json().check(text) == Failed(Reason.NOT_JSON)


@pytest.mark.parametrize("text", ["```json\n{}\n```", " \n```\n{}\n```", "~~~\n1\n~~~"])
def test_json_within_a_fence_fails_with_a_reason_of_its_own(text: str) -> None:
    assert Json().check(text) == Failed(Reason.FENCED)


def test_of_keys_given_twice_nothing_is_said() -> None:
    assert Json().check('{"a": 1, "a": 2}') == Passed()
