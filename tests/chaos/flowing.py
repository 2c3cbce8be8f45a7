"""An upstream for crowds: its streams flow until a gate opens, its plain answers take their time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from time import monotonic

from tests.support.background import Background
from tests.support.scripted import STREAM_END, STREAM_HEAD, answer, chunk, event

END = chunk(b"data: [DONE]\n\n") + STREAM_END


class FlowingUpstream(Background):
    """A stream brings an event of `size` characters every `pace` seconds, numbered, until the gate opens.

    A plain answer comes after `delay` seconds.
    """

    def __init__(self, *, pace: float = 0.0, size: int = 0, delay: float = 0.0) -> None:
        super().__init__()
        self.calls = 0
        self.open = 0
        """Calls being answered."""
        self.sent = 0
        """Events handed to the network."""
        self.moved = 0.0
        """When the last of them was, on the monotonic clock."""
        self._pace = pace
        self._padding = "x" * size
        self._delay = delay
        self._gate = asyncio.Event()

    @property
    def url(self) -> str:
        """What an upstream's `base_url` is set to."""
        return f"http://127.0.0.1:{self.port}/v1"

    def finish(self) -> None:
        """Opens the gate: every stream ends, as one should."""
        self._loop.call_soon_threadsafe(self._gate.set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
                    body = await reader.readexactly(length)
                    await self._answer(writer, stream=b'"stream":true' in body)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter, *, stream: bool) -> None:
        self.calls += 1
        self.open += 1
        try:
            if stream:
                await self._flow(writer)
            else:
                await asyncio.sleep(self._delay)
                writer.write(WHOLE)
                await writer.drain()
        finally:
            self.open -= 1

    async def _flow(self, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        number = 0
        while not self._gate.is_set():
            writer.write(chunk(event(f"{number} {self._padding}")))
            await writer.drain()
            if writer.is_closing():
                return
            number += 1
            self.sent += 1
            self.moved = monotonic()
            await asyncio.sleep(self._pace)
        writer.write(END)
        await writer.drain()


def _whole() -> bytes:
    (whole,) = answer()
    assert isinstance(whole, bytes)
    return whole


WHOLE = _whole()


@contextlib.contextmanager
def flowing_upstream(*, pace: float = 0.0, size: int = 0, delay: float = 0.0) -> Iterator[FlowingUpstream]:
    """A running one."""
    upstream = FlowingUpstream(pace=pace, size=size, delay=delay)
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()
