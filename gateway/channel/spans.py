"""What spans are made of: recorded with a request where telemetry is on, and made into spans elsewhere."""

from __future__ import annotations

import msgspec


class Tried(msgspec.Struct, array_like=True, gc=False):
    """One attempt. `started` in seconds after the request, `first` in seconds until a stream's first event.

    `span` is its id, 8 bytes, empty when nothing is traced; `code` the HTTP status, 0 without an answer;
    `asked` are numbers of the request as sent. The rest is what the answer says of itself.
    """

    span: bytes
    upstream: str
    variant: str
    model: str
    asked: dict[str, float]
    started: float
    duration: float = 0.0
    first: float = 0.0
    result: str = ""
    code: int = 0
    id: str = ""
    answered_by: str = ""
    finish: list[str] = []


class Spans(msgspec.Struct, array_like=True, gc=False):
    """One request's. `span` is its own span's id, empty when nothing is traced; `parent` the caller's.

    `flags` are those of its `traceparent`; `code` is the HTTP status of the answer.
    """

    path: str
    span: bytes = b""
    parent: bytes = b""
    flags: int = 0
    code: int = 200
    attempts: list[Tried] = []
