"""An upstream's error: its body as far as the cap, and what we take from it."""

from __future__ import annotations

from typing import Any, Final

from gateway.providers.base import Answer
from gateway.sse import json_of

MAX_ERROR_BODY: Final = 1024 * 1024
QUOTA: Final = "insufficient_quota"
"""OpenAI's code, and type, of an account without money: waiting does not help."""
WITHOUT_QUOTA: Final = (402, 429)
"""Statuses of a denial for want of money."""


async def read_error(answer: Answer) -> bytes | None:
    """The whole body; None when it is longer than the cap. Raises UpstreamFailure."""
    parts, size = [], 0
    while part := await answer.read():
        size += len(part)
        if size > MAX_ERROR_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def explains(body: bytes) -> bool:
    """Whether an error is a JSON object: servers that are not OpenAI's call its fields by other names."""
    return bool(json_of(body))


def out_of_quota(body: bytes) -> bool:
    """Whether an error is that of an account without money."""
    error: Any = (json_of(body) or {}).get("error")
    return type(error) is dict and QUOTA in (error.get("code"), error.get("type"))
