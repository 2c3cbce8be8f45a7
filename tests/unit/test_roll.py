"""The roll with children that are none: who is started, told and killed, in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.channel.link import Kind
from gateway.supervisor.child import StillBorn
from gateway.supervisor.roll import Roll

AT_ONCE = 0.01
HOUR = 3600.0


class Pretended:
    """A child that gets ready, and leaves, when it is told to, or does not."""

    def __init__(self, number: int, lane: int, log: list[str], behaviour: str) -> None:
        self.name = f"worker {number}"
        self.lane = lane
        self.pid = 0
        self.ready = asyncio.Event()
        self.life: asyncio.Task[None] | None = None
        self._log = log
        self._behaviour = behaviour
        self._over = asyncio.Event()
        self._told = f"{self.name} on lane {lane}"

    def start(self) -> asyncio.Task[None]:
        self._log.append(f"{self._told} starts")
        self.life = asyncio.create_task(self._live())
        return self.life

    async def left(self) -> None:
        assert self.life is not None
        await asyncio.wait([self.life])

    def leave(self, how: Kind = Kind.DRAIN) -> None:
        self._log.append(f"{self._told} is told {how.name}")
        if "stays" not in self._behaviour:
            self._over.set()

    def kill(self) -> None:
        self._log.append(f"{self._told} is killed")
        self._over.set()

    async def _live(self) -> None:
        if "stillborn" in self._behaviour:
            raise StillBorn(f"{self.name} left with exit status 1")
        if "mute" not in self._behaviour:
            self.ready.set()
        await self._over.wait()


class Stage:
    """A roll of two workers; `behaviours` are those of the successors, in turn."""

    def __init__(self, *behaviours: str, patience: float = HOUR) -> None:
        self.log: list[str] = []
        self._behaviours = ["stays" if "stays" in behaviours else "", "", *behaviours]
        self.ended: list[asyncio.Task[None]] = []
        self.roll = Roll(2, self._make, self.ended.append, lambda: patience, ready_within=AT_ONCE)
        self.roll.start()
        self.log.clear()
        self._running = asyncio.create_task(self.roll.run())

    def _make(self, number: int, lane: int) -> Any:
        behaviour = self._behaviours.pop(0) if self._behaviours else ""
        return Pretended(number, lane, self.log, behaviour)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """As the supervisor does."""
        self._running.cancel()
        self.roll.stop()
        for child in self.roll.everybody:
            child.kill()
        await asyncio.gather(*(child.left() for child in self.roll.everybody))


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def test_one_after_another_each_on_the_other_lane():
    async def scene() -> None:
        stage = Stage()
        stage.roll.ask()
        await stage.until(lambda: len(stage.log) == 4 and len(stage.roll.everybody) == 2)
        assert stage.log == [
            "worker 0 on lane 1 starts",
            "worker 0 on lane 0 is told HAND_OVER",
            "worker 1 on lane 1 starts",
            "worker 1 on lane 0 is told HAND_OVER",
        ]
        stage.log.clear()
        stage.roll.ask()
        await stage.until(lambda: len(stage.log) == 4)
        assert "worker 0 on lane 0 starts" in stage.log
        await stage.stop()

    play(scene)


@pytest.mark.parametrize("behaviour", ["mute", "stillborn"])
def test_a_successor_that_does_not_get_ready_is_killed_and_ends_the_roll(behaviour, caplog):
    async def scene() -> None:
        stage = Stage(behaviour)
        before = list(stage.roll.serving)
        stage.roll.ask()
        await stage.until(lambda: "serves on" in caplog.text)
        assert stage.roll.everybody == stage.roll.serving == before
        assert stage.log == ["worker 0 on lane 1 starts", "worker 0 on lane 1 is killed"]
        assert stage.ended == []
        stage.roll.ask()  # the next one is as good as any
        await stage.until(lambda: stage.log[-1] == "worker 1 on lane 0 is told HAND_OVER")
        await stage.stop()

    play(scene)
    said = "left with exit status 1" if behaviour == "stillborn" else "was not ready within 0.01 s"
    assert f"the new worker 0 {said}; the one before it serves on" in caplog.text


def test_a_predecessor_that_does_not_leave_is_killed_and_frees_its_lane():
    async def scene() -> None:
        stage = Stage("stays", patience=AT_ONCE)
        stage.roll.ask()
        stage.roll.ask()
        await stage.until(lambda: "worker 0 on lane 0 is killed" in stage.log)
        stage.roll.ask()
        await stage.until(lambda: "worker 0 on lane 0 starts" in stage.log)
        assert stage.log.index("worker 0 on lane 0 is killed") < stage.log.index("worker 0 on lane 0 starts")
        await stage.stop()

    play(scene)


def test_stopped_while_a_successor_starts():
    async def scene() -> None:
        stage = Stage("mute")
        stage.roll.ask()
        await stage.until(lambda: len(stage.roll.everybody) == 3)
        await stage.stop()
        assert stage.log[:2] == ["worker 0 on lane 1 starts", "worker 0 on lane 1 is told DRAIN"]

    play(scene)
