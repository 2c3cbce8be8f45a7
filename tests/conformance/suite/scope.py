"""What of OpenAI's API the gateway is not, and so which of openai-python's tests cannot pass through it."""

from __future__ import annotations

import re

STORED = "stored chat completions are read and changed where they are stored; not an endpoint of the gateway"
READ_ONLY = "models are routes: the configuration says which there are, and nobody deletes them by the API"
NO_MODEL = "asks without a model, for which OpenAI takes a stored prompt's: a route is chosen by the model"

OUT_OF_SCOPE = (
    (
        re.compile(r"chat/completions/test_messages\.py.*::test_(method|raw_response|streaming_response)_"),
        STORED,
    ),
    (
        re.compile(
            r"chat/test_completions\.py.*::test_(method|raw_response|streaming_response)"
            r"_(retrieve|update|list|delete)"
        ),
        STORED,
    ),
    (
        re.compile(r"test_models\.py.*::test_(method|raw_response|streaming_response)_delete"),
        READ_ONLY,
    ),
    (
        re.compile(
            r"test_responses\.py.*::test_(method|raw_response|streaming_response)_create_overload"
            r"|test_input_tokens\.py.*::test_(method|raw_response|streaming_response)_count\["
        ),
        NO_MODEL,
    ),
)
"""Tests by pattern of their ids, and the reason. Each must fail: a rule that became untrue is a failure."""


def reason_of(test: str) -> str | None:
    """Why a test of this id is out of scope; None: it has to pass."""
    return next((reason for pattern, reason in OUT_OF_SCOPE if pattern.search(test)), None)
