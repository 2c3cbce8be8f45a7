"""Any OpenAI-compatible server, over raw HTTP/1.1: the body goes out as given and comes back as sent."""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from gateway.clock import monotonic
from gateway.providers.base import Call, Transfer
from gateway.providers.exchange import Exchange
from gateway.providers.pool import Pool
from gateway.providers.upload import Upload
from routing.snapshot import Upstream

REMEMBERED: Final = 100
"""Paths whose request head is kept; where they name something, there are endlessly many."""


class OpenAIProvider:
    """The provider of one `openai` upstream, with its pool of connections."""

    def __init__(self, upstream: Upstream) -> None:
        parts = urlsplit(upstream.base_url)
        tls = parts.scheme == "https"
        host = parts.hostname or ""
        port = parts.port or (443 if tls else 80)
        self._pool = Pool(host, port, tls_context(upstream.ca_file) if tls else None)
        self._prefix = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
        self._query = urlencode(upstream.query)
        self._fixed = _fixed_headers(parts.netloc, upstream)
        self._heads: dict[str, bytes] = {}

    async def send(self, call: Call) -> Exchange:
        """Sends the call on a pooled or new connection; see `Provider.send`."""
        timeouts, deadline = call.timeouts, call.deadline
        connection = self._pool.idle()
        if connection is None:
            connection = await self._pool.connect(min(timeouts.connect, max(deadline - monotonic(), 0.0)))
        first = min(deadline, monotonic() + timeouts.first_token) if call.stream else deadline
        return connection.send(self._request(call), call.stream, first, timeouts.idle, deadline)

    async def transfer(self, transfer: Transfer) -> tuple[Upload, Exchange]:
        """Begins a request whose body will follow, on a connection of its own.

        Raises UpstreamFailure when it cannot be made.
        """
        timeouts, length = transfer.timeouts, transfer.length
        upload = await self._pool.connect(timeouts.connect, Upload)
        framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
        head = b"%b%b%b\r\n\r\n" % (self._head(transfer.method, transfer.path), transfer.headers, framing)
        exchange = upload.begin(
            head, chunked=length is None, stall=timeouts.idle, patience=timeouts.first_token
        )
        return upload, exchange

    def close(self) -> None:
        """Closes idle connections; busy ones close when their exchange ends."""
        self._pool.close()

    def _request(self, call: Call) -> bytes:
        if call.method != "POST":
            length = b"content-length: %d\r\n" % len(call.body) if call.body else b""
            head = self._head(call.method, call.path)
            return b"%b%b%b\r\n%b" % (head, call.headers, length, call.body)
        known = self._heads.get(call.path)
        if known is None:
            known = self._head("POST", call.path)
            if len(self._heads) < REMEMBERED:
                self._heads[call.path] = known
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (known, call.headers, len(call.body), call.body)

    def _head(self, method: str, path: str) -> bytes:
        joint = ("&" if "?" in path else "?") if self._query else ""
        line = f"{method} {self._prefix}{path}{joint}{self._query} HTTP/1.1\r\n"
        return line.encode() + self._fixed


def _fixed_headers(host: str, upstream: Upstream) -> bytes:
    headers = {"host": host, "accept-encoding": "identity"}
    if upstream.api_key:
        headers["authorization"] = f"Bearer {upstream.api_key}"
    headers.update((name.lower(), value) for name, value in upstream.headers)
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def tls_context(ca_file: str) -> ssl.SSLContext:
    """What an upstream's certificate is checked with: the authorities of `ca_file`, else the system's."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
