"""What a client reads: answers taken apart by the letter, so that a byte too many or too few is noticed."""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z' -]*\r\n((?:[a-z-]+: [^\r\n]*\r\n)*)\r\n")
_CHUNK = re.compile(rb"([0-9a-f]+)\r\n")


class Answer(NamedTuple):
    """One answer; `last` when it says that it is."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    last: bool


def answers(data: bytes, methods: list[bytes]) -> list[Answer]:
    """The answers to requests of these methods, refusals of others, interim ones left out."""
    found: list[Answer] = []
    asked = iter(methods)
    at = 0
    while at < len(data):
        head = _HEAD.match(data, at)
        assert head is not None, f"no head of an answer: {data[at : at + 80]!r}"
        assert not found or not found[-1].last, "an answer behind the last one"
        status, at = int(head[1]), head.end()
        if status == 100:
            continue
        headers = dict(line.split(b": ", 1) for line in head[2].splitlines())
        last = headers.pop(b"connection", b"") == b"close"
        method = next(asked, b"") if status == 200 else b""
        if headers.pop(b"transfer-encoding", b"") == b"chunked":
            body, at = _chunked(data, at)
        elif b"content-length" in headers:
            end = at if method == b"HEAD" else at + int(headers.pop(b"content-length"))
            assert end <= len(data), "an answer that breaks off"
            body, at = data[at:end], end
        else:
            assert last, "an answer without an end"
            body, at = data[at:], len(data)
        found.append(Answer(status, headers, body, last))
    return found


def _chunked(data: bytes, at: int) -> tuple[bytes, int]:
    body = b""
    while True:
        size = _CHUNK.match(data, at)
        assert size is not None, "no chunk"
        at = size.end() + int(size[1], 16)
        body += data[size.end() : at]
        assert data[at : at + 2] == b"\r\n", "a chunk of another size"
        at += 2
        if size[1] == b"0":
            return body, at
