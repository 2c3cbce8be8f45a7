"""Who waits for whom with a write, on the event loop that workers run on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from gateway.outbox import Outbox

T = TypeVar("T")


class Standing(uvloop.Loop):
    """All that a test does happens within one millisecond."""

    def time(self) -> float:
        return 1.0


class Connection:
    """Notes its name when it writes; a broken one cannot."""

    def __init__(self, name: int, written: list[int], *, broken: bool = False) -> None:
        self._name = name
        self._written = written
        self._broken = broken
        self.aborted = False

    def flush(self) -> None:
        if self._broken:
            raise OSError
        self._written.append(self._name)

    def abort(self) -> None:
        self.aborted = True


async def written_by_turn(count: int, outbox: Outbox) -> list[list[int]]:
    """What has been written after each of `count` writes of one turn, and after the turn."""
    written: list[int] = []
    seen = []
    for name in range(count):
        outbox.add(Connection(name, written))
        seen.append(list(written))
    await asyncio.sleep(0.001)
    return [*seen, written]


def run(test: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(test, loop_factory=Standing)


def test_the_first_write_goes_at_once_and_the_others_together() -> None:
    assert run(written_by_turn(4, Outbox())) == [[0], [0], [0], [0], [0, 1, 2, 3]]


def test_no_more_wait_for_each_other_than_may() -> None:
    seen = run(written_by_turn(6, Outbox(2)))
    assert seen == [[0], [0], [0, 1, 2], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5]]


def test_a_broken_connection_costs_the_others_nothing() -> None:
    async def go() -> None:
        outbox, written = Outbox(), list[int]()
        broken = Connection(1, written, broken=True)
        for one in (Connection(0, written), broken, Connection(2, written)):
            outbox.add(one)
        await asyncio.sleep(0.001)
        assert (written, broken.aborted) == ([0, 2], True)

    run(go())
