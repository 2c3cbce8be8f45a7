"""The simulated upstream over HTTP/1.1, directly on sockets: some faults no web framework would let through.

POST  whatever `simulation_script.find` knows, under /v1, /v1beta or /v1beta/openai
      and for a response that was stored: GET, DELETE, its cancellation, its input
GET   …/models             what a model list looks like
GET   /simulated/calls     what has been asked so far: counts, and the newest calls as they came
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any, cast

import httptools

from gateway.providers.base import Headers
from gateway.providers.simulation import Behaviour
from gateway.providers.simulation_script import Chunk, End, Script, write
from gateway.providers.simulation_shelf import Shelf

CALLS = "/simulated/calls"
UNCOUNTED = frozenset((CALLS, "/models", "/v1/models", "/v1beta/openai/models"))
"""What is asked about the upstream itself, by people and tests."""
_KEPT = 100
"""How many of the newest calls are kept, and of each so many bytes of its body."""
_KEPT_BODY = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Received:
    """One call as it came; `end` is `open`, `complete`, `broken` by a fault or `abandoned` by the client."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    end: str = "open"


class Server:
    """A simulated upstream: `serve` opens it, `calls` tells what it was asked."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.calls: deque[Received] = deque(maxlen=_KEPT)
        self.counts = {"received": 0, "open": 0, "complete": 0, "broken": 0, "abandoned": 0}
        self.connections: set[Connection] = set()
        self._rng = Random(behaviour.seed)
        self._shelf = Shelf()
        self._server: asyncio.Server | None = None

    async def serve(self, host: str, port: int) -> int:
        """Listens and returns the port, a free one for 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stops listening and drops every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.drop()
        if self._server is not None:
            await self._server.wait_closed()

    def begin(self, call: Received) -> None:
        """A call has come."""
        self.calls.append(call)
        self.counts["received"] += 1
        self.counts["open"] += 1

    def end(self, call: Received, how: str) -> None:
        """A call has ended."""
        call.end = how
        self.counts["open"] -= 1
        self.counts[how] += 1

    def script(self, call: Received, headers: Headers, body: bytes) -> Script:
        """The answer to a call."""
        if call.method == "POST":
            rng = Random(self._rng.getrandbits(64))
            return write(call.path, headers, body, self.behaviour, rng, time.time(), self._shelf)
        if call.path == CALLS:
            return _json({**self.counts, "calls": [_shown(kept) for kept in self.calls]})
        if call.path.endswith("/models"):
            model = {"id": "simulated", "object": "model", "created": 0, "owned_by": "headgate"}
            return _json({"object": "list", "data": [model]})
        now = time.time()
        return write(call.path, headers, body, self.behaviour, self._rng, now, self._shelf, call.method)


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Received, Headers, bytes, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def drop(self) -> None:
        """Closes without finishing what is under way."""
        self._transport.abort()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.write(
                b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self._transport.close()

    # ── httptools ────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        self._path = b""
        self._headers: Headers = []
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        call = Received(
            self._parser.get_method().decode(),
            self._path.decode("latin-1"),
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers],
            body[:_KEPT_BODY].decode("utf-8", "replace"),
        )
        self._waiting.append((call, self._headers, body, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    # ── answering ────────────────────────────────────────────────────────────────────────────────────

    async def _answer_all(self) -> None:
        while self._waiting:
            call, headers, body, keep = self._waiting.popleft()
            script = self._server.script(call, headers, body)
            if call.path not in UNCOUNTED:
                await self._recorded(call, script)
            else:
                await self._play(script)
            if script.end is not End.COMPLETE or script.framing == "close" or not keep:
                await self._leave(script.end)
                return
        self._task = None

    async def _recorded(self, call: Received, script: Script) -> None:
        self._server.begin(call)
        try:
            await self._play(script)
            if script.end is End.STALL:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self._server.end(call, "broken" if script.end is End.STALL else "abandoned")
            raise
        self._server.end(call, "complete" if script.end is End.COMPLETE else "broken")

    async def _play(self, script: Script) -> None:
        due = time.monotonic()
        due = await self._until(due + script.wait)
        if script.silent:
            return
        self._transport.write(_head(script))
        held = b""
        for chunk in script.chunks:
            if held and chunk.delay:
                await self._send(held)
                held = b""
            due = await self._until(due + chunk.delay)
            held += _framed(chunk, script.framing)
            if len(held) > _KEPT_BODY:
                await self._send(held)
                held = b""
        if script.framing == "chunked" and script.end is End.COMPLETE:
            held += b"0\r\n\r\n"
        await self._send(held)

    async def _until(self, due: float) -> float:
        delay = due - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        return due

    async def _send(self, data: bytes) -> None:
        if data:
            self._transport.write(data)
            await self._writable.wait()

    async def _leave(self, end: End) -> None:
        if end is End.RESET:
            # What was written has to be on its way first: an abort throws the buffer away.
            self._transport.set_write_buffer_limits(high=0)
            await self._writable.wait()
            sock: socket.socket = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()


def _head(script: Script) -> bytes:
    try:
        phrase = HTTPStatus(script.status).phrase
    except ValueError:
        phrase = "Simulated"
    headers: Headers = [*script.headers]
    if script.framing == "length":
        headers.append((b"content-length", str(script.length).encode()))
    elif script.framing == "chunked":
        headers.append((b"transfer-encoding", b"chunked"))
    else:
        headers.append((b"connection", b"close"))
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (script.status, phrase.encode(), lines)


def _framed(chunk: Chunk, framing: str) -> bytes:
    if framing != "chunked" or not chunk.data:
        return chunk.data
    return b"%x\r\n%b\r\n" % (len(chunk.data), chunk.data)


def _shown(call: Received) -> dict[str, Any]:
    return {
        "method": call.method,
        "path": call.path,
        "headers": call.headers,
        "body": call.body,
        "end": call.end,
    }


def _json(value: object) -> Script:
    data = json.dumps(value, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json")]
    return Script(200, headers, 0.0, "length", len(data), iter((Chunk(0.0, data),)), End.COMPLETE)
