"""What litellm's HTTP clients send through: our own connections, one request a call.

litellm builds its requests with httpx, and httpx hands them to a transport; this is ours. So a call through
litellm has the time-outs, the deadline and the certificates of any other attempt, is closed with it, follows
no redirect, and cannot be repeated behind our back. What an upstream answered is kept as it was, because
litellm's exceptions do not tell.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from time import monotonic
from urllib.parse import urlsplit

import httpx

from gateway.providers.base import Call, UpstreamFailure
from gateway.providers.exchange import Exchange
from gateway.providers.gemini import read_all
from gateway.providers.openai import tls_context
from gateway.providers.pool import Pool
from gateway.run import in_task
from routing.fallback import Result
from routing.snapshot import Upstream

_DROPPED = frozenset(
    (b"host", b"connection", b"content-length", b"accept-encoding", b"user-agent", b"transfer-encoding",
     b"content-type", b"accept")
)  # fmt: skip
"""Of litellm's headers; what stands for them is ours or the client's."""
_FORWARDED = re.compile(rb"^(?:user-agent|x-client-request-id|traceparent|content-type|accept): ", re.M)


class Wires:
    """One upstream's connections: a pool for each origin, of which there is one when `base_url` is set."""

    def __init__(self, upstream: Upstream) -> None:
        """Raises OSError or ValueError when the certificates cannot be read."""
        self._origin = _origin(upstream.base_url) if upstream.base_url else None
        self._context = tls_context(upstream.ca_file)
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in upstream.headers).encode("latin-1")
        self._pools: dict[tuple[str, str, int], Pool] = {}

    async def send(self, request: httpx.Request, call: Call) -> Exchange:
        """Sends litellm's request as the call's. Raises UpstreamFailure."""
        url = request.url
        origin = (url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))
        allowed = origin == self._origin if self._origin is not None else url.scheme == "https"
        if request.method != "POST" or not allowed:
            raise UpstreamFailure(Result.REFUSED, "not the upstream's address")
        timeouts, deadline = call.timeouts, call.deadline
        pool = self._pool(origin)
        connection = pool.idle()
        if connection is None:
            connection = await pool.connect(min(timeouts.connect, max(deadline - monotonic(), 0.0)))
        first = min(deadline, monotonic() + timeouts.first_token) if call.stream else deadline
        return connection.send(self._bytes(request, call), call.stream, first, timeouts.idle, deadline)

    def _pool(self, origin: tuple[str, str, int]) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            scheme, host, port = origin
            pool = self._pools[origin] = Pool(host, port, self._context if scheme == "https" else None)
        return pool

    def _bytes(self, request: httpx.Request, call: Call) -> bytes:
        lines = [
            b"%b: %b\r\n" % (name.lower(), value)
            for name, value in request.headers.raw
            if name.lower() not in _DROPPED
        ]
        ours = [line + b"\r\n" for line in call.headers.split(b"\r\n") if _FORWARDED.match(line)]
        url, body = request.url, request.content
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\n" % (url.raw_path, url.netloc)
        rest = b"content-length: %d\r\n\r\n%b" % (len(body), body)
        return b"".join((head, *lines, *ours, self._fixed, rest))

    def close(self) -> None:
        """Closes idle connections."""
        for pool in self._pools.values():
            pool.close()


class Passage:
    """One call's way through litellm, and what became of it on the wire."""

    told = True
    """Whether what litellm makes of an answer is worth a line in the log."""

    def __init__(self, wires: Wires, call: Call) -> None:
        self.wires = wires
        self.call = call
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.refusal = b""
        """The body of an answer with an error status."""
        self.failure: UpstreamFailure | None = None
        self.sent = False
        self.begun = False
        """Whether there was anything in the body of an answer."""
        self._exchange: Exchange | None = None

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Sends the request and waits for the head of its answer. Raises UpstreamFailure."""
        try:
            if self.sent:  # a retry or a redirect of litellm's or httpx's
                raise self.failure or UpstreamFailure(Result.SERVER_ERROR, "more than one request")
            self.sent = True
            exchange = self._exchange = await self.wires.send(request, self.call)
            await in_task(exchange.arrive())
            self.status, self.headers = exchange.status, exchange.headers
            if self.status >= 400:
                self.refusal = await in_task(read_all(exchange))
                return httpx.Response(self.status, content=self.refusal, request=request)
            if self.status != 200 or b"content-encoding" in self.headers:
                raise UpstreamFailure(Result.SERVER_ERROR, "no plain answer")
        except UpstreamFailure as failure:
            self.failure = failure
            raise
        headers = [(name, value) for name, value in exchange.headers.items() if name not in _FRAMING]
        return httpx.Response(200, headers=headers, stream=_Body(self, exchange), request=request)

    def commit(self) -> None:
        """The stream has begun in earnest."""
        if self._exchange is not None:
            self._exchange.commit()

    def leave(self) -> None:
        """Nothing more is wanted."""
        if self._exchange is not None:
            self._exchange.leave()

    def close(self) -> None:
        """Abandons the upstream call."""
        if self._exchange is not None:
            self._exchange.close()


_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive"))


class _Body(httpx.AsyncByteStream):
    """The body as httpx reads it."""

    def __init__(self, passage: Passage, exchange: Exchange) -> None:
        self._passage = passage
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while block := await in_task(self._exchange.read()):
                self._passage.begun = True
                yield block
        except UpstreamFailure as failure:
            self._passage.failure = failure
            raise

    async def aclose(self) -> None:
        """What ends with the attempt; a whole answer needs no closing."""
        if not self._exchange.complete:
            self._exchange.close()


PASSAGE: ContextVar[Passage] = ContextVar("passage")
"""The passage of the call that the current task makes."""


class Transport(httpx.AsyncBaseTransport):
    """The one transport of all of litellm's clients: each request goes by its call's passage."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends by the current passage; outside of one nothing is sent."""
        passage = PASSAGE.get(None)
        if passage is None:
            raise UpstreamFailure(Result.REFUSED, "not a call of ours")
        return await passage.send(request)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
