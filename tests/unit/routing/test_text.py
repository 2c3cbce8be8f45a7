"""What of a body is text, and how many tokens that is, whichever endpoint it came by."""

from __future__ import annotations

from typing import Any

import pytest

from routing.text import estimated_tokens, last_user, opening


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"input": "12345678"}, 6),
        ({"input": ["12345678", "1234"]}, 11),
        ({"input": [1, 2, 3]}, 3),
        ({"input": [[1, 2, 3], [4], []]}, 4),
        ({"prompt": [[1, 2], "1234"]}, 7),
        ({"prompt": "1234"}, 5),
        ({"prompt": {"id": "pmpt_1"}}, 0),
        ({"input": [True, None, 1.5, [[1]]]}, 0),
        ({"instructions": "1234", "input": [{"role": "user", "content": [{"text": "1234"}]}]}, 10),
    ],
)
def test_tokens_of_every_shape(body: dict[str, Any], tokens: int) -> None:
    assert estimated_tokens(body) == tokens


def test_turns_of_a_response() -> None:
    body = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "one"},
            {"type": "function_call_output", "call_id": "c", "output": "x"},
            {"role": "user", "content": "two"},
        ],
    }
    assert opening(body) == ("Be brief.", "one")
    assert last_user(body) == "two"
