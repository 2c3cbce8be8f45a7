"""What is read of an event of the Responses API: how a response ended, if it did. The rest stays bytes."""

from __future__ import annotations

from typing import Any

import msgspec

LAST = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
"""The types of a stream's last event."""


class EndedResponse(msgspec.Struct, gc=False):
    """The whole response that the last event carries."""

    usage: Any = None
    error: Any = None


class ResponseEvent(msgspec.Struct, gc=False):
    """One event; its type decides what else is there."""

    type: Any = None
    error: Any = None
    response: EndedResponse | None = None

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
