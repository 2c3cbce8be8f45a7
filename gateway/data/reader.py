"""What a client's bytes say: heads and bodies of requests, one after another (RFC 9112).

httptools parses; around it stand the guards of size and framing that it lacks, and the worker's memory of
heads, which need no second parsing. One request is read at a time: what follows it is handed back.

    take(bytes) → opened(head, length) → request.take(part)* → request.finish()
"""

from __future__ import annotations

from collections.abc import Callable

import httptools

from gateway.data.guards import lower_case, origin_form, refusal
from gateway.data.head import Head, Heads
from gateway.data.request import Request
from routing.snapshot import Limits


class Reader:
    """Reads one connection.

    `opened` makes a request of a complete head, whose body has `length` bytes if that is known.
    """

    def __init__(self, opened: Callable[[Head, int], Request], heads: Heads, limits: Limits) -> None:
        self._opened = opened
        self._heads: Heads | None = heads
        self._taught = False  # the worker's memory has a head of ours
        self.limits = limits
        self.request: Request | None = None
        """The one being read, or read and not yet answered."""
        self.refused = 0
        """The status, once something was not HTTP: from then on nothing of the connection can be trusted."""
        self._raw: dict[bytes, bytes] = {}
        self.on_header = self._raw.__setitem__  # no call of ours a header: clients send twenty
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._in_head = True
        self._head = b""  # as far as it has come
        self._left = 0  # bytes of a body whose length is known
        self._by_hand = False  # the parser leaves this body to us
        self._framing = 0  # bytes since the body's last one

    @property
    def within_head(self) -> bool:
        """Whether a part of a head has come."""
        return bool(self._head)

    def take(self, data: bytes) -> bytes:
        """Takes in what belongs to one request; returns what follows it."""
        while data and not self.refused:
            data = self._take_head(data) if self._in_head else self._take_body(data)
            if self.request is not None and self.request.whole:
                break
        return data

    # ── httptools ────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self.request is not None:  # behind a chunked body, in the same read, however little of it
            self.request.keep_alive = False

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_headers_complete(self) -> None:
        if self.request is not None:  # behind a chunked body, in the same read
            self.request.keep_alive = False
            return
        parser = self._parser
        version = parser.get_http_version()
        modern = version != "1.0"
        headers = lower_case(self._raw, self._head)
        self.refused = refusal(headers, self._head.count(b"\n") - 2, version)
        if self.refused or headers is None:
            return
        self._left = int(headers.pop(b"content-length", b"0"))
        # We speak HTTP/1.1 only, but some clients offer an upgrade (Java's: h2c) with every request. The
        # parser stops behind such a head, so its body is counted off by hand.
        self._by_hand = parser.should_upgrade()
        target = self._target
        if not target.startswith(b"/"):
            target = origin_form(target, headers)
        path, _, query = target.partition(b"?")
        keep_alive = modern and parser.should_keep_alive()
        head = Head(parser.get_method(), path, query, headers, modern, keep_alive)
        if self._heads is not None and not self._by_hand:
            self._learn(self._heads, head)
        self._in_head = False
        self.request = self._opened(head, self._left)

    def on_body(self, body: bytes) -> None:
        self._framing = 0
        if self.request is not None and not self.request.whole:
            self.request.take(body, self.limits.body)

    def on_message_complete(self) -> None:
        if self._by_hand and self._left:
            return
        self._in_head = True
        self._head = self._target = b""
        self._raw.clear()  # trailers: nobody here needs one, and none must pass for the next head's
        if self.request is not None and not self.request.whole:
            if not (self._by_hand or self._parser.should_keep_alive()):
                self.request.keep_alive = False  # by a trailer, at the latest
            self.request.finish()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    def _learn(self, heads: Heads, head: Head) -> None:
        """Has the head remembered, unless this client's heads are never the same (as traced ones are)."""
        if self._taught:
            self._heads = None
        else:
            self._taught = True
            heads.learn(head, self._head)

    def _take_head(self, data: bytes) -> bytes:
        """Parses as far as the head goes; returns what follows it."""
        if not self._head:
            known = self._heads.find(data) if self._heads is not None else None
            if known is not None and known[1] <= self.limits.headers:
                return self._take_known(data, known[0], known[1], known[2])
            data = data.lstrip(b"\r\n")  # empty lines before a request (RFC 9112, 2.2)
        tail = self._head[-3:]
        end = (tail + data).find(b"\r\n\r\n") if tail else data.find(b"\r\n\r\n")
        end = len(data) if end < 0 else end + 4 - len(tail)
        head, rest = data[:end], data[end:]
        self._head += head
        if len(self._head) > self.limits.headers:
            self.refused = 431
        else:
            self._feed(head)
        return rest

    def _take_known(self, data: bytes, head: Head, end: int, length: int) -> bytes:
        """Takes a head that needs no parsing, and a body that is there; returns what follows."""
        request = self.request = self._opened(head, length)
        rest = data[end:]
        if len(rest) < length:
            self._in_head = False
            self._left = length
            self._by_hand = True
            return rest
        request.take(rest[:length], self.limits.body)
        request.finish()
        return rest[length:]

    def _take_body(self, data: bytes) -> bytes:
        """Parses as far as the body goes; returns what follows it."""
        if not self._left:
            self._framing += len(data)
            if self._framing - len(data) > self.limits.headers:
                self.refused = 431  # chunk sizes and trailers have to end, too
            else:
                self._feed(data)
            return b""
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        if not self._by_hand:
            self._feed(part)
            return rest
        self.on_body(part)
        self.on_message_complete()
        return rest

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._parser = httptools.HttpRequestParser(self)
        except httptools.HttpParserError:
            if self.request is not None and self.request.whole:
                self.request.keep_alive = False  # what follows a chunked body in the same read is no HTTP
            else:
                self.refused = self.refused or 400
