"""HTTP/1.1 by the letter of RFC 9112, read slowly and without leniency: what may be taken, and as what.

Unlike a real parser it refuses all that the grammar refuses: what ours takes must be taken here, too, and as
the same. It shares no code with ours. Where llhttp, which reads for ours, is known to be laxer, a comment
says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# llhttp takes several spaces around the target …
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([!-~]+) +HTTP/1\.([01])\r\n")
# … and of answers other versions, any reason, and no space before one that is left out.
_STATUS = re.compile(rb"HTTP/(0\.9|1\.0|1\.1|2\.0) ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)\r\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_CHUNKED = re.compile(rb"(?:.*,)?[ \t]*chunked", re.IGNORECASE)
_EMPTY = re.compile(rb"[\r\n]*")
_FRAMING = (b"content-length", b"transfer-encoding", b"connection")
_ONCE = (b"host", b"content-length", b"content-type", b"authorization", b"transfer-encoding")


class Message(NamedTuple):
    """One message. `head` and `framing` are the bytes of its head, and of its chunks without their data."""

    first: tuple[bytes, ...]
    headers: dict[bytes, bytes]
    body: bytes
    modern: bool
    head: int
    framing: int


class Cut(Exception):
    """The bytes end before the message does."""


class Wrong(Exception):
    """The bytes are not HTTP."""


def requests(data: bytes) -> list[Message]:
    """The whole requests with which `data` begins."""
    found: list[Message] = []
    at = 0
    try:
        while True:
            start = _EMPTY.match(data, at).end()  # type: ignore[union-attr]
            line, at = _match(_REQUEST, data, start)
            fields, at = _fields(data, at)
            modern, head = line[3] == b"1", at - start
            if any(len(fields.get(name, ())) > 1 for name in _ONCE) or (modern and b"host" not in fields):
                raise Wrong
            headers = {name: b", ".join(values) for name, values in fields.items()}
            body, framing, at, _ = _body(headers, data, at)
            headers.pop(b"content-length", None)
            found.append(Message((line[1], line[2]), headers, body, modern, head, framing))
    except (Cut, Wrong):
        return found


def response(data: bytes, *, ended: bool) -> Message | None:
    """The answer to a GET with which `data` begins, interim ones left out, if it is there as a whole.

    `ended` when the connection ends behind `data`. It is `modern` when neither a head, interim ones
    included, nor a trailer says anything of the connection.
    """
    at, status, modern = 0, b"100", True
    try:
        while status < b"200":
            start = _EMPTY.match(data, at).end()  # type: ignore[union-attr]
            line, at = _match(_STATUS, data, start)
            fields, at = _fields(data, at)
            status = line[2]
            modern = modern and line[1] == b"1.1" and b"connection" not in fields
            if status < b"200" or status in (b"204", b"304"):
                modern = modern and fields.keys().isdisjoint((b"content-length", b"transfer-encoding"))
            if status == b"101":
                return None
        headers = {name: b", ".join(values) for name, values in fields.items()}
        delimited = b"content-length" in headers or b"transfer-encoding" in headers
        if status in (b"204", b"304"):
            if not re.fullmatch(rb"[0-9]+", headers.get(b"content-length", b"0")):
                raise Wrong
            body, framing = b"", 0
        elif delimited:
            body, framing, _, plain = _body(headers, data, at)
            modern = modern and plain
        elif ended:
            body, framing = data[at:], 0
        else:
            return None
    except (Cut, Wrong):
        return None
    return Message((status,), headers, body, modern, at - start, framing)


def _match(pattern: re.Pattern[bytes], data: bytes, at: int) -> tuple[re.Match[bytes], int]:
    found = pattern.match(data, at)
    if found is None:
        raise Wrong if b"\n" in data[at:] else Cut
    return found, found.end()


def _fields(data: bytes, at: int) -> tuple[dict[bytes, list[bytes]], int]:
    fields: dict[bytes, list[bytes]] = {}
    while data[at : at + 2] != b"\r\n":
        field, at = _match(_FIELD, data, at)
        fields.setdefault(field[1].lower(), []).append(field[2].strip(b" \t"))
    return fields, at + 2


def _body(headers: dict[bytes, bytes], data: bytes, at: int) -> tuple[bytes, int, int, bool]:
    """The body, the bytes around it, where it ends, and whether no trailer says anything of framing.

    None should (RFC 9110, 6.5.1); who meets one may refuse the message or read on as if it were not there.
    """
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if coding is None:
        if length is not None and not re.fullmatch(rb"[0-9]+", length):
            raise Wrong
        end = at + int(length or b"0")
        if end > len(data):
            raise Cut
        return data[at:end], 0, end, True
    if length is not None or not _CHUNKED.fullmatch(coding):
        raise Wrong
    start, body = at, b""
    while True:
        size, at = _match(_SIZE, data, at)
        end = at + int(size[1], 16)
        if end == at:
            trailers, at = _fields(data, at)
            return body, at - start - len(body), at, trailers.keys().isdisjoint(_FRAMING)
        if end + 2 > len(data):
            raise Cut
        if data[end : end + 2] != b"\r\n":
            raise Wrong
        body += data[at:end]
        at = end + 2
