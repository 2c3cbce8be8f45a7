"""Whole answers read at a glance: their heads look like one that the parser has accepted.

An upstream sends the same header names in the same order, answer after answer. Of a head that the parser has
accepted the lines' beginnings are kept; a later head that has them too is cut up by them, at half of the
parser's cost. Whatever is not as plain as that (a stream, an answer in pieces, white space where it need not
be) is left to the parser.
"""

from __future__ import annotations

from typing import Final

from gateway.providers.names import lower
from gateway.sse import CR

REMEMBERED: Final = 8
"""Heads of one upstream that are remembered: it has few kinds, unless they are endless."""
OK: Final = b"HTTP/1.1 200 "
UNUSUAL: Final = frozenset((b"transfer-encoding", b"upgrade", b"trailer"))
"""Names that bring another framing with them."""
CLEAN: Final = bytes(code if code in b"\r\n" or 0x1F < code != 0x7F else 0 for code in range(0x100))
"""Control characters become zeros."""
SPACE: Final = 0x20


class Kind:
    """One kind of head: its first line, how each further line begins, and the names in lower case."""

    def __init__(self, first: bytes, beginnings: list[bytes], names: list[bytes]) -> None:
        self.first = first
        self.beginnings = beginnings
        self.names = names
        self.empty = dict.fromkeys(names, b"")
        self.breaks = len(names) + 2


class Plain:
    """A whole answer of status 200."""

    def __init__(self, headers: dict[bytes, bytes], body: bytes) -> None:
        self.headers = headers
        self.body = body


class Glance:
    """What is known of one upstream's heads, the latest kind first."""

    def __init__(self) -> None:
        self._kinds: list[Kind] = []

    def read(self, data: bytes) -> Plain | None:
        """The answer that `data` is, all of it and nothing else; None: ask the parser."""
        for place, kind in enumerate(self._kinds):
            lines = data.split(b"\n", kind.breaks)
            headers = _cut(kind, lines)
            if headers is not None:
                if place:
                    self._kinds.insert(0, self._kinds.pop(place))
                body = lines[-1]
                head = data[: len(data) - len(body)]
                return Plain(headers, body) if _usual(head, headers, len(body)) else None
        return None

    def learn(self, data: bytes, headers: dict[bytes, bytes]) -> None:
        """Remembers the head of `data`, a whole answer, of which the parser has made `headers`."""
        if len(self._kinds) == REMEMBERED or b"content-length" not in headers:
            return
        if not (data.startswith(OK) and headers.keys().isdisjoint(UNUSUAL)):
            return
        first, *lines = data[: data.find(b"\r\n\r\n")].split(b"\r\n")
        spelt = [line.partition(b": ")[0] for line in lines]
        kind = Kind(first + b"\r", [name + b": " for name in spelt], [lower(name) for name in spelt])
        if _cut(kind, data.split(b"\n", kind.breaks)) == headers:
            self._kinds.append(kind)


def _cut(kind: Kind, lines: list[bytes]) -> dict[bytes, bytes] | None:
    """The headers of a head of this kind, out of its lines and the rest; None of another."""
    beginnings, names = kind.beginnings, kind.names
    if len(lines) != kind.breaks + 1 or lines[0] != kind.first or lines[-2] != b"\r":
        return None
    headers = kind.empty.copy()
    for at in range(len(names)):
        line, beginning = lines[at + 1], beginnings[at]
        start, end = len(beginning), len(line) - 1
        if end <= start or not line.startswith(beginning):
            return None
        if line[end] != CR or line[start] <= SPACE or line[end - 1] <= SPACE:
            return None
        value = line[start:end]
        if CR in value:
            return None
        headers[names[at]] = value
    return headers


def _usual(head: bytes, headers: dict[bytes, bytes], rest: int) -> bool:
    """Whether a head has printable values, and `rest` bytes behind it are all of its body."""
    if headers[b"content-length"] != b"%d" % rest or head.translate(CLEAN) != head:
        return False
    return b"connection" not in headers or headers[b"connection"].lower() == b"keep-alive"
