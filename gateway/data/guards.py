"""The data port's guards that are not configured, and the judgement of a request's head (RFC 9112)."""

from __future__ import annotations

import re
from typing import Final

LINGER: Final = 2.0
"""Seconds that a client which is still sending has to read why it was refused."""
WRITE_STALL: Final = 60.0
"""Seconds that a client may leave a full write buffer unread."""
HIGH_WATER: Final = 64 * 1024
"""Unwritten bytes of an answer at which its upstream has to wait."""
AHEAD: Final = 64 * 1024
"""Bytes that a client may send ahead while an earlier request of its connection is being answered."""
RESERVED: Final = 64
"""Connections beyond the limit that are still served health checks and outcomes …"""
RESERVED_TIME: Final = 2.0
"""… one request each, to be sent within so many seconds."""
MAX_HEADERS: Final = 128
NEVER: Final = float("inf")

SINGLE: Final = frozenset(
    (b"host", b"content-length", b"content-type", b"authorization", b"transfer-encoding")
)
"""Headers that may not be repeated."""


def lower_case(raw: dict[bytes, bytes], head: bytes) -> dict[bytes, bytes] | None:
    """The headers by lower-case name, out of what the parser has made of `head`.

    The parser's dictionary forgets the first of two equal names; whether there are any is told by the number
    of lines, and then the lines are gone through: values of a repeated name are joined with a comma (RFC
    9110, 5.3). None when a name is repeated that may not be.
    """
    headers = {name.lower(): value for name, value in raw.items()}
    if b" \r" in head or b"\t\r" in head:  # the parser leaves white space behind a value where it is
        headers = {name: value.rstrip(b" \t") for name, value in headers.items()}
    lines = head.count(b"\n") - 2  # the request line, and the empty one
    if len(headers) == lines or lines > MAX_HEADERS:
        return headers
    headers = {}
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name in headers:
            if name in SINGLE:
                return None
            value = headers[name] + b", " + value
        headers[name] = value
    return headers


def origin_form(target: bytes, headers: dict[bytes, bytes]) -> bytes:
    """The path and query of a target that begins with scheme and host, as it does to a proxy.

    That host is the request's then, whatever the header says (RFC 9112, 3.2.2).
    """
    absolute = _absolute(target)
    if absolute is None:
        return target
    headers[b"host"] = absolute[1]
    path: bytes = absolute[2]
    return path if path.startswith(b"/") else b"/" + path


_absolute: Final = re.compile(rb"https?://([^/?#@]+)([^#]*)", re.IGNORECASE | re.DOTALL).fullmatch


def refusal(headers: dict[bytes, bytes] | None, count: int, version: str) -> int:
    """The status with which a head of `count` headers must be refused, or 0 (RFC 9112, 3.2 and 6.3)."""
    if count > MAX_HEADERS:
        return 431
    if headers is None:
        return 400
    if version != "1.1":
        return 0 if version == "1.0" else 505
    if b"host" not in headers:
        return 400
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if length is not None and (coding is not None or not length.isdigit()):
        return 400
    return 400 if coding is not None and b"upgrade" in headers else 0
