"""An upstream that does exactly what a test says, over real sockets, and remembers what it saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.background import Background


@dataclass
class Received:
    """One request as it arrived.

    `closed` is set when the gateway closes the connection during its answer, `over` when it is closed here.
    """

    path: str
    headers: dict[str, str]
    body: bytes
    closed: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Wait:
    """Waits until the event is set, or the gateway closes the connection."""

    event: threading.Event


RESET = object()
"""Ends the connection with a TCP reset."""
CLOSE = object()
"""Ends the connection in order."""
Step = bytes | Wait | object
Script = Callable[[Received], list[Step]]

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def answer(
    content: str = "hello",
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> list[Step]:
    """A plain JSON answer."""
    if body is None:
        message = {"role": "assistant", "content": content}
        body = json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": USAGE,
            }
        ).encode()
    lines = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return [head.encode() + b"\r\n" + body]


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(content: str | None = None, *, usage: Any = None, **extra: Any) -> bytes:
    """One chat completion event."""
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}, "finish_reason": None}]
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    }
    body["usage"] = usage
    return b"data: " + json.dumps(body | extra).encode() + b"\n\n"


def stream(*events: bytes, done: bool = True) -> list[Step]:
    """A whole stream, one HTTP chunk an event, with usage and `[DONE]` at the end."""
    parts = [*events, event(usage=USAGE), DONE] if done else list(events)
    return [STREAM_HEAD, *(chunk(part) for part in parts), STREAM_END]


class ScriptedUpstream(Background):
    """Answers as `script` says, which may be replaced at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.script: Script = lambda received: answer()
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def reset(self) -> None:
        """Forgets what it saw and answers plainly."""
        self.received.clear()
        self.connections = 0
        self.script = lambda received: answer()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        carried: list[Received] = []
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    received = await _read(reader)
                    self.received.append(received)
                    carried.append(received)
                    if not await self._play(received, reader, writer):
                        return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            for received in carried:
                received.over.set()

    async def _play(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Plays the script; false when the connection is over."""
        watching = asyncio.ensure_future(_watch(reader, received.closed))
        try:
            for step in self.script(received):
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                elif isinstance(step, Wait):
                    while not step.event.is_set() and not received.closed.is_set():
                        await asyncio.sleep(0.005)
                elif step is RESET:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                    return False
                elif step is CLOSE:
                    writer.close()
                    return False
        finally:
            watching.cancel()
        return not received.closed.is_set()


async def _watch(reader: asyncio.StreamReader, closed: threading.Event) -> None:
    while not (reader.at_eof() or reader.exception()):
        await asyncio.sleep(0.005)
    closed.set()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1)[0:1] + line.split(": ", 1)[1:] for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(head[0].split(" ")[1], headers, body)


@contextlib.contextmanager
def scripted_upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()
