"""An upstream that begins every stream at once and ends nothing before its gate is opened."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import Iterator

from tests.support.client import PATIENCE, Client
from tests.support.processes import CHAT, body
from tests.support.scripted import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    Received,
    ScriptedUpstream,
    answer,
    chunk,
    event,
)


class GatedUpstream(ScriptedUpstream):
    """Answers as `ScriptedUpstream` does by itself, when the gate is open; `held` requests wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.held = 0
        self._gate = asyncio.Event()

    def open(self) -> None:
        """Lets every answer end, the later ones as well."""
        self._loop.call_soon_threadsafe(self._gate.set)

    def shut(self) -> None:
        """Holds every answer from now on."""
        self._loop.call_soon_threadsafe(self._gate.clear)

    async def _play(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        stream = received.json.get("stream") is True
        if stream:
            writer.write(STREAM_HEAD + chunk(event("begun")))
        self.held += 1
        try:
            await self._gate.wait()
        except asyncio.CancelledError:  # the test is over
            return False
        finally:
            self.held -= 1
        if stream:
            writer.write(chunk(event("ended")) + chunk(DONE) + STREAM_END)
        else:
            writer.write(b"".join(step for step in answer() if isinstance(step, bytes)))
        await writer.drain()
        return True


@contextlib.contextmanager
def gated_upstream() -> Iterator[GatedUpstream]:
    """One that is served while the block runs."""
    upstream = GatedUpstream()
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()


def ask(client: Client, *, stream: bool) -> http.client.HTTPConnection:
    """A connection on which a request of the route `held`, which leads to a gated upstream, has been sent."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=PATIENCE)
    content = json.dumps(body(model="held", stream=stream)).encode()
    connection.request("POST", CHAT, content, {"content-type": "application/json"})
    return connection


@contextlib.contextmanager
def held_streams(
    client: Client, upstream: GatedUpstream, count: int
) -> Iterator[list[http.client.HTTPResponse]]:
    """Streams of the route `held` that have begun and wait for the upstream's gate."""
    with contextlib.ExitStack() as stack:
        streams = []
        for _ in range(count):
            connection = ask(client, stream=True)
            stack.callback(connection.close)
            streams.append(stack.enter_context(connection.getresponse()))
        client.wait_until(lambda: upstream.held == count)
        yield streams
