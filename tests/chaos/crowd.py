"""Many clients in one event loop, each with a connection of its own; nothing retried, nothing hidden."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

import uvloop

from tests.support.client import PATIENCE

Result = TypeVar("Result")
DONE = b"data: [DONE]\n\n"
BROKEN = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, OSError)
"""How a connection ends that should not."""


@dataclass
class Told:
    """What a client was told. Status 0: nothing; `whole`: the answer's own end came; times on one clock."""

    began: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    ended: float = 0.0
    error: str = ""

    @property
    def seconds(self) -> float:
        """From the first byte out to the last one in."""
        return self.ended - self.began

    @property
    def good(self) -> bool:
        """Whether this is a whole answer."""
        return self.whole and self.status == 200

    @property
    def done(self) -> bool:
        """Whether this is a stream that ended as one should."""
        return self.good and self.body.endswith(DONE)

    @property
    def code(self) -> str | None:
        """The error's code, if this is one in its envelope."""
        try:
            code: str | None = json.loads(self.body)["error"]["code"]
        except (ValueError, LookupError, TypeError):
            return None
        return code

    def __str__(self) -> str:
        return f"{self.status} {self.error} {self.body[-120:]!r}"


class Caller:
    """One client and its connection, which it keeps until either side closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.told = Told(monotonic())

    async def ask(self, request: bytes) -> Told:
        """A whole exchange."""
        if await self.begin(request):
            await self.finish()
        return self.told

    async def begin(self, request: bytes) -> bool:
        """Sends a request and reads the head of its answer; false when none came."""
        told = self.told = Told(monotonic())
        try:
            async with asyncio.timeout(PATIENCE):
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                assert self._reader is not None
                self._writer.write(request)
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except BROKEN as error:
            self._broke(error)
            return False
        told.status = int(head[0].split(" ")[1])
        told.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])
        }
        return True

    async def read_events(self, count: int) -> bool:
        """Reads on until the answer has so many events; false when it broke off before."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.told.body.count(b"\n\n") < count:
                    if not await self._chunk():
                        return False
        except BROKEN as error:
            self._broke(error)
            return False
        return True

    async def finish(self, patience: float = PATIENCE) -> Told:
        """Reads the answer's body to its end, or to wherever it breaks off."""
        told = self.told
        try:
            async with asyncio.timeout(patience):
                length = told.headers.get("content-length")
                if length is None:
                    while await self._chunk():
                        pass
                else:
                    assert self._reader is not None
                    told.body = await self._reader.readexactly(int(length))
        except BROKEN as error:
            self._broke(error)
            return told
        told.whole = True
        told.ended = monotonic()
        if told.headers.get("connection") == "close":
            self.leave()
        return told

    async def _chunk(self) -> bool:
        assert self._reader is not None
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        self.told.body += (await self._reader.readexactly(size + 2))[:-2]
        return size > 0

    def _broke(self, error: Exception) -> None:
        self.told.ended = monotonic()
        self.told.error = type(error).__name__
        self.leave()

    def local_port(self) -> int:
        """The connection's port on this side."""
        assert self._writer is not None
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    def leave(self) -> None:
        """Goes away without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None


@contextlib.contextmanager
def callers(port: int, count: int) -> Iterator[list[Caller]]:
    """So many clients, who leave at the end."""
    crowd = [Caller(port) for _ in range(count)]
    try:
        yield crowd
    finally:
        for one in crowd:
            one.leave()


async def each(crowd: Sequence[Caller], act: Callable[[Caller], Awaitable[Result]]) -> list[Result]:
    """Everybody acts at once."""
    return list(await asyncio.gather(*map(act, crowd)))


async def ask_many(port: int, request: bytes, count: int, at_once: int) -> list[Told]:
    """So many requests over `at_once` kept connections, as fast as they are answered."""
    left = iter(range(count))

    async def loop(one: Caller) -> list[Told]:
        return [await one.ask(request) for _ in left]

    with callers(port, at_once) as crowd:
        return [told for part in await each(crowd, loop) for told in part]


async def meanwhile(port: int, request: bytes, act: Callable[[], object], at_once: int = 16) -> list[Told]:
    """What clients were told who went on asking while `act` was done in another thread.

    Half of them keep their connections; the others take a new one each time, after a moment.
    """
    over = asyncio.Event()

    async def loop(one: Caller) -> list[Told]:
        told = []
        while not over.is_set():
            told.append(await one.ask(request))
            if crowd.index(one) % 2:
                one.leave()
                await asyncio.sleep(0.01)  # the machine's ports should last
        return told

    with callers(port, at_once) as crowd:
        load = asyncio.create_task(each(crowd, loop))
        try:
            await asyncio.to_thread(act)
        finally:
            over.set()
            told = await load
    return [one for part in told for one in part]


async def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds that another thread or process brings about; fails when it never does."""
    end = monotonic() + PATIENCE
    while not await asyncio.to_thread(holds):
        assert monotonic() < end, "it never came true"
        await asyncio.sleep(0.02)


def run(main: Any) -> Any:
    """Runs a coroutine in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of `values` lies; 0 without any."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else 0.0
