"""Answers of the other endpoints, for scripted upstreams."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scripted import STREAM_END, STREAM_HEAD, Step, answer, chunk

USAGE: dict[str, Any] = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}
COST = (60 * 1 + 40 * 0.5 + 20 * 2) / 1e6
"""What USAGE costs with the variant `base` of the tests' gateway."""


def response(id: str = "resp_1", status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A response object."""
    made: dict[str, Any] = {
        "id": id, "object": "response", "created_at": 1, "status": status, "model": "m", "error": None,
        "output": [], "usage": USAGE if status == "completed" else None,
    }  # fmt: skip
    return {**made, **fields}


def plain(body: dict[str, Any], **options: Any) -> list[Step]:
    """A whole answer."""
    return answer(body=json.dumps(body).encode(), **options)


def typed(kind: str, number: int, **fields: Any) -> bytes:
    """One event of a response's stream."""
    data = json.dumps({"type": kind, "sequence_number": number, **fields})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def delta(text: str, number: int) -> bytes:
    """A piece of text."""
    return typed("response.output_text.delta", number, delta=text, item_id="msg_1", output_index=0)


CREATED = typed("response.created", 0, response=response(status="in_progress"))
COMPLETED = typed("response.completed", 9, response=response())
WHOLE = (CREATED, delta("Hel", 1), delta("lo\u2028é", 2), COMPLETED)


def events(*parts: bytes) -> list[Step]:
    """A stream of these events, one HTTP chunk each."""
    return [STREAM_HEAD, *(chunk(part) for part in parts), STREAM_END]
