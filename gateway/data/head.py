"""A request's head, and a worker's memory of the last ones.

A client sends the same head again and again; only the length of its body differs. Bytes that have been parsed
once need no second parsing: a head that is the same to the byte, but for the digits of its content-length,
says the same.
"""

from __future__ import annotations

import re
from typing import Final


class Head:
    """What a head says, the length of the body apart.

    `headers` maps lower-case names to values, repeated ones joined with a comma, without `content-length`;
    `modern` is true for HTTP/1.1, where the client understands chunked answers.
    """

    def __init__(
        self,
        method: bytes,
        path: bytes,
        query: bytes,
        headers: dict[bytes, bytes],
        modern: bool,
        keep_alive: bool,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.modern = modern
        self.keep_alive = keep_alive
        self.forwarded = b""
        """What of it an upstream gets; empty: not worked out yet."""
        self.direct: bool | None = None
        """Whether it is for this machine by a local name, through no proxy; None: not worked out yet."""


class Known:
    """A head that has been parsed, and its bytes before and behind the digits of its content-length."""

    def __init__(self, head: Head, before: bytes, behind: bytes) -> None:
        self.head = head
        self.before = before
        self.behind = behind

    def match(self, data: bytes) -> tuple[Head, int, int] | None:
        """The head, where it ends, and the content-length, if `data` begins with the same head."""
        start = end = len(self.before)
        limit, length = min(start + DIGITS, len(data)), 0
        while end < limit and ZERO <= data[end] <= NINE:
            length = 10 * length + data[end] - ZERO
            end += 1
        over = end + len(self.behind)
        if end > start and data.startswith(self.before) and data[end:over] == self.behind:
            return self.head, over, length
        return None


class Heads:
    """The last heads of all clients, the latest first."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: list[Known] = []

    def find(self, data: bytes) -> tuple[Head, int, int] | None:
        """The head with which `data` begins, where it ends, and the content-length; None: not known."""
        for place, known in enumerate(self._known):
            found = known.match(data)
            if found is not None:
                if place:
                    self._known.insert(0, self._known.pop(place))
                return found
        return None

    def learn(self, head: Head, text: bytes) -> None:
        """Remembers a head that was read from `text`, unless it has no content-length."""
        found = _length(text)
        if found is not None:
            self._known.insert(0, Known(head, text[: found.start(1)], text[found.end(1) :]))
            del self._known[REMEMBERED:]


REMEMBERED: Final = 16
"""Heads that a worker remembers."""
DIGITS: Final = 15
ZERO: Final = 0x30
NINE: Final = 0x39
_length: Final = re.compile(
    rb"\r\ncontent-length:[ \t]*([0-9]{1,%d})[ \t]*\r\n" % DIGITS, re.IGNORECASE
).search
