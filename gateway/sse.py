"""Server-sent events as the relay sees them: whole events, cut out of a byte stream and left as they are.

Only bytes are touched (a line separator U+2028 inside an event is data), and a chunk is looked into only when
it may matter. Line ends may be LF, CRLF or CR (WHATWG HTML, 9.2.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

MAX_EVENT: Final = 1024 * 1024
"""Bytes of one event …"""
LONGEST: Final = 64 * 1024 * 1024
"""… and where an event may hold images."""
LONG: Final = 64 * 1024
"""Bytes of an incomplete event from which on it is not put together anew with every read."""
CR: Final = 0x0D
"""Looked for as a number: to look for bytes by `in` raises and drops an error within CPython first."""
_END: Final = re.compile(rb"\n\n|\r\n\r\n|\r\r|\n\r\n|\r\n\n")
_LINE: Final = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(Exception):
    """An event passes the cap."""


class Splitter:
    """Holds back the incomplete event at the end of a byte stream."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, block: bytes) -> bytes:
        """The whole events that have come so far, joined; empty when there is none. Raises EventTooLarge."""
        if self.rest:
            block = self.rest + block
        if CR in block:
            end = 0
            for match in _END.finditer(block):
                end = match.end()
        elif block.endswith(b"\n\n"):  # as nearly all do
            self.rest = b""
            return block
        else:
            end = block.rfind(b"\n\n") + 2
            if end == 1:
                end = 0
        self.rest = block[end:]
        if len(self.rest) > MAX_EVENT:
            raise EventTooLarge
        return block[:end]

    def finish(self) -> bytes:
        """What has come of an incomplete event; it is taken."""
        rest, self.rest = self.rest, b""
        return rest


class PatientSplitter(Splitter):
    """Holds back an incomplete event of up to `LONGEST` bytes, and puts it together only once."""

    __slots__ = ("_more", "_size")

    def __init__(self) -> None:
        super().__init__()
        self._more: list[bytes] = []  # behind `rest`
        self._size = 0

    def feed(self, block: bytes) -> bytes:
        """As above."""
        if len(self.rest) > LONG:
            tail = (self._more[-1] if self._more else self.rest)[-3:]
            self._more.append(block)
            self._size += len(block)
            if not _END.search(tail + block):
                if len(self.rest) + self._size > LONGEST:
                    raise EventTooLarge
                return b""
            block = self.finish()
        return super().feed(block)

    def finish(self) -> bytes:
        """What has come of an incomplete event; it is taken."""
        whole = super().finish() + b"".join(self._more)
        self._more.clear()
        self._size = 0
        return whole


def events(block: bytes) -> Iterator[bytes]:
    """Goes through a block of whole events, keeping every byte."""
    start = 0
    if CR in block:
        for match in _END.finditer(block):
            yield block[start : match.end()]
            start = match.end()
        return
    while start < len(block):
        end = block.find(b"\n\n", start) + 2
        if end == 1:
            end = len(block)
        yield block[start:end]
        start = end


def start_of_event(block: bytes, at: int) -> int:
    """Where the event that holds position `at` begins, or an event before it."""
    before = -1 if CR in block else block.rfind(b"\n\n", 0, at)
    return 0 if before < 0 else before + 2


def data_of(event: bytes) -> bytes | None:
    """The event's data, its lines joined with LF; None for a comment or an event without data."""
    if event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2:
        if CR not in event:
            return event[6:-2]  # what every upstream sends
    lines = [line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def json_of(data: bytes) -> dict[str, Any] | None:
    """The data as a JSON object, or None."""
    try:
        parsed = orjson.loads(data)
    except ValueError:
        return None
    return parsed if type(parsed) is dict else None
