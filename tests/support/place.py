"""Stores for tests: where they are, who opens them, what is handed in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.store import sqlite, sqlite_schema, valkey_client
from gateway.store.base import Document, Entry, Handle, Lease, Store, Unavailable
from gateway.store.registry import make
from routing.evidence.cells import Evidence
from routing.evidence.ending import Ending, exposed
from routing.evidence.fact import P95, Fact, Facts, Request, UnitKey, by_unit, reported
from routing.evidence.outcomes import Report

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ROLLOUT = "solver/hard"
PATIENCE = 20.0
"""Seconds that a busy machine may take for what takes none."""
AMPLE = 3 * PATIENCE
"""A bound that no call of a test meets: the test itself gives up before."""
BRIEF = 0.2
"""One that is soon met."""
BOUNDS = (
    (sqlite, "PATIENCE"), (sqlite_schema, "BUSY"), (valkey_client, "SOCKET"), (valkey_client, "SENTINEL"),
    (valkey_client, "PATIENCE"), (valkey_client, "LISTEN"),
)  # fmt: skip
"""What bounds the time of a store's calls."""


def unhurried(patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Gives a store's calls the time of a busy machine, whose disk may stall for seconds."""
    for module, name in BOUNDS:
        patch(module, name, AMPLE)
    patch(sqlite_schema, "ATTEMPTS", round(AMPLE / 0.03))  # as often as ever, for longer


@dataclass(frozen=True)
class Place:
    """Where a store is: whoever opens it is one replica."""

    url: str
    directory: Path
    keys: tuple[bytes, ...] = (KEY,)

    def open(self) -> Store:
        """Another replica's view of it."""
        return make(self.url, self.directory, self.keys)


def run(test: Callable[..., Awaitable[None]], *places: Place) -> None:
    """Runs `test` with a store of each place."""

    async def run_and_close() -> None:
        stores = [place.open() for place in places]
        try:
            await test(*stores)
        finally:
            for store in stores:
                await store.close()

    asyncio.run(run_and_close())


async def until(holds: Callable[[], bool]) -> None:
    """Waits for something that will hold in a moment."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def alone(test: Callable[[Any, Store], Awaitable[None]]) -> Callable[[Any, Place], None]:
    """Makes a test of one replica."""

    def on_one(self: Any, place: Place) -> None:
        run(lambda store: test(self, store), place)

    return on_one


def together(test: Callable[[Any, Store, Store], Awaitable[None]]) -> Callable[[Any, Place], None]:
    """Makes a test of two replicas."""

    def on_two(self: Any, place: Place) -> None:
        run(lambda one, other: test(self, one, other), place, place)

    return on_two


def facts(count: int, units: int = 50, seed: int = 1) -> list[tuple[UnitKey, Fact]]:
    """`count` facts of requests of `units` units, some compared and some not, in no order."""
    draw = random.Random(seed)
    told = []
    for index in range(count // 2):
        number = draw.randrange(units)
        key = UnitKey(
            1 + number % 2, "carried" if number % 5 == 0 else "compared", number * 0x9E3779B97F4A7C15 % 2**64
        )
        request = Request(key, draw.randrange(10**6), bytes([7] * 10) + index.to_bytes(2, "big"), 0,
                          number % 4, number % 3 == 0)  # fmt: skip
        ending = Ending("ok", draw.random() < 0.9, 1, draw.expovariate(1), True, draw.random(), draw.random())
        told.append((key, exposed(request, ending, P95(2.0, 0.9))))
        told.append((key, reported(request, draw.random() < 0.8, None, draw.random())))
    draw.shuffle(told)
    return told


def one_unit(passed: bool, time: int = 1) -> Facts:
    """One outcome of one unit on the candidate."""
    key = UnitKey(1, "compared", 2**64 - 1)
    return by_unit([(key, reported(Request(key, time, b"n" * 12, 0, 0, True), passed))])


def passed_cells(evidence: Evidence) -> dict[tuple[int, int], int]:
    """Units by bad and n of `validation_passed`."""
    return {(c.bad, c.n): units for c, units in evidence.cells.items() if c.metric == "validation_passed"}


async def heard(news: AsyncIterator[str], name: str) -> None:
    """Returns once `name` is news."""
    async with asyncio.timeout(PATIENCE):
        async for rollout in news:
            if rollout == name:
                return


async def persistently(store: Store, parts: list[list[tuple[UnitKey, Fact]]]) -> None:
    """Applies facts as the control plane does: one batch after the other, each until it is taken."""
    for part in parts:
        await answered(partial(store.apply, ROLLOUT, 1, by_unit(part)))


REQUEST = Handle(1_764_000_000_000, b"n" * 12)
REPORTS = {REQUEST: [Report("1", "application", "validation_passed", True, 5)]}

CALLS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "documents": lambda store: store.documents(),
    "document": lambda store: store.document(ROLLOUT),
    "put": lambda store: store.put(ROLLOUT, Document(1, {}), expected=0),
    "append": lambda store: store.append(ROLLOUT, Entry(1, {})),
    "history": lambda store: store.history(ROLLOUT),
    "acquire": lambda store: store.acquire("leader", "a", 30),
    "release": lambda store: store.release(Lease("leader", "a", 1)),
    "apply": lambda store: store.apply(ROLLOUT, 1, one_unit(True)),
    "count": lambda store: store.count(ROLLOUT, 1, b"sender", 1, {"1.compared.0.0.errors.b.0.1": 1}),
    "evidence": lambda store: store.evidence(ROLLOUT, 1),
    "end_epoch": lambda store: store.end_epoch(ROLLOUT, 7, 30),
    "record": lambda store: store.record(REPORTS, 60),
    "outcomes": lambda store: store.outcomes(REQUEST),
    "claim": lambda store: store.claim("units", b"secret"),
    "keep_homes": lambda store: store.keep_homes({b"name": b"home"}, 30),
    "home": lambda store: store.home(b"name"),
    "beat": lambda store: store.beat("a", {}, 30),
    "replicas": lambda store: store.replicas(),
}
"""Every operation that asks the store something."""


async def refused(call: Awaitable[Any]) -> Unavailable:
    """The error of a call that ends: unless a test has set a bound of its own, without waiting for any."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(Unavailable) as error:
            await call
    return error.value


async def answered(call: Callable[[], Awaitable[Any]], patience: float = PATIENCE) -> Any:
    """What a call returns in the end, made again as often as the store is away or the machine too busy."""
    async with asyncio.timeout(patience):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(0.01)
