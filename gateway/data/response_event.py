"""What is read of an event of the Responses API: how a response ended, if it did. The rest stays bytes."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.data.answer_shapes import Anything

LAST = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
"""The types of a stream's last event."""


class ResponseEvent(msgspec.Struct, gc=False):
    """One event; its type decides what else is there."""

    type: Any = None
    error: Any = None
    response: Anything | None = None
    """The whole one, which the last event carries."""

    @property
    def last(self) -> bool:
        """Whether no other follows."""
        return type(self.type) is str and self.type in LAST


_read = msgspec.json.Decoder(ResponseEvent).decode


def read_event(data: bytes) -> ResponseEvent | None:
    """What matters of an event; None for what is not a JSON object."""
    try:
        return _read(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
