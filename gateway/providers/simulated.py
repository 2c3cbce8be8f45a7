"""A simulated upstream inside the worker: no network, OpenAI's wire format, real waiting."""

from __future__ import annotations

import asyncio
import time
from random import Random

from gateway.providers.base import Call, Headers, UpstreamFailure
from gateway.providers.reading import Reading
from gateway.providers.simulation import Behaviour
from gateway.providers.simulation_script import Chunk, End, Script, write
from gateway.providers.simulation_shelf import Shelf
from routing.fallback import Result
from routing.snapshot import Upstream

_BLOCK = 65_536
"""Bytes that one read gives at most when several chunks are due."""


class SimulatedAnswer(Reading):
    """A script being played to the gateway; an `Answer` of the provider contract."""

    def __init__(self, script: Script, call: Call) -> None:
        self.status = script.status
        self.headers = dict(script.headers)
        self._script = script
        self._chunks = script.chunks
        self._call = call
        self._due = now = time.monotonic()
        self._first = call.deadline
        if call.stream:
            self._first = min(call.deadline, now + call.timeouts.first_token)
        self._next: Chunk | None = None
        self._begun = False
        self._committed = False
        self._ended = False

    async def arrive(self) -> None:
        """Waits as long as the script says; plays all of an answer that is not a stream."""
        self._due += self._script.wait
        await _wait(self._due, self._first)
        if self._script.silent:
            if self._script.end is End.STALL:
                await _wait(float("inf"), self._first)
            raise UpstreamFailure(Result.AMBIGUOUS, "lost")
        if not self._call.stream:
            await self._play()

    async def read(self) -> bytes:
        """The chunks that are due, waiting for the first of them; empty at the end."""
        if self._next is None:
            self._advance()
        if self._next is None:
            if not self._ended:
                await self._end()
            return b""
        await _wait(self._due, self._limit())
        parts = []
        size = 0
        while self._next is not None and self._due <= time.monotonic() and size < _BLOCK:
            parts.append(self._next.data)
            size += len(self._next.data)
            self._advance()
        block = b"".join(parts)
        self._begun = self._begun or bool(block)
        return block or await self.read()

    async def _play(self) -> None:
        """Plays all of it now, so that one `read` gives the body."""
        parts = []
        while block := await self.read():
            parts.append(block)
        self._next = Chunk(0.0, b"".join(parts)) if parts else None
        self._ended = True

    def commit(self) -> None:
        """From now on the pauses count."""
        self._committed = True

    def leave(self) -> None:
        """Nothing more is wanted."""
        self.close()

    def close(self) -> None:
        """Abandons the answer."""
        self._chunks = iter(())
        self._next = None
        self._ended = True

    def _advance(self) -> None:
        self._next = next(self._chunks, None)
        if self._next is not None:
            self._due += self._next.delay

    def _limit(self) -> float:
        """Until when the next byte may take, on the monotonic clock."""
        if not self._call.stream:
            return self._call.deadline
        if not self._committed:
            return self._first
        return min(self._call.deadline, time.monotonic() + self._call.timeouts.idle)

    async def _end(self) -> None:
        self._ended = True
        if self._script.end is End.STALL:
            await _wait(float("inf"), self._limit())
        told_by_close = self._script.end is End.EOF and self._script.framing == "close"
        if self._script.end is not End.COMPLETE and not told_by_close:
            raise UpstreamFailure(Result.BROKEN if self._begun else Result.AMBIGUOUS, "lost")


class SimulatedProvider:
    """The provider of one `simulated` upstream."""

    def __init__(self, upstream: Upstream) -> None:
        """Raises BookError when the task book cannot be used."""
        self._behaviour = Behaviour.of_options(upstream.options)
        self._rng = Random(self._behaviour.seed)
        self._shelf = Shelf()

    async def send(self, call: Call) -> SimulatedAnswer:
        """Answers as the upstream's behaviour and the call's `x-simulated-*` headers say."""
        # Each answer draws from its own generator: how long one stream lasts must not change another's text.
        rng = Random(self._rng.getrandbits(64))
        script = write(
            call.path, _pairs(call.headers), call.body, self._behaviour, rng, time.time(), self._shelf,
            call.method,
        )  # fmt: skip
        return SimulatedAnswer(script, call)

    def close(self) -> None:
        """There are no connections to close."""


def _pairs(lines: bytes) -> Headers:
    """Header lines as names and values."""
    parted = (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])
    return [(name, value) for name, _, value in parted]


async def _wait(due: float, limit: float) -> None:
    """Sleeps until `due`, or fails at `limit`; both on the monotonic clock."""
    now = time.monotonic()
    if due > limit:
        await asyncio.sleep(max(limit - now, 0.0))
        raise UpstreamFailure(Result.TIMEOUT, "no answer in time")
    if due > now:
        await asyncio.sleep(due - now)
