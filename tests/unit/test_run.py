"""A task may await what waits at gates."""

from __future__ import annotations

import asyncio

import pytest

from gateway.run import Gate, in_task


class Door:
    """Somebody with a gate."""

    def __init__(self) -> None:
        self.gate = Gate()

    async def passed(self, fails: bool = False) -> str:
        """Waits until it has been opened."""
        await self.gate
        if fails:
            raise ValueError("fell over the threshold")
        return "through"


def test_a_task_goes_through_a_gate() -> None:
    async def go() -> None:
        door = Door()
        task = asyncio.create_task(in_task(door.passed()))
        await asyncio.sleep(0)
        assert door.gate.waiter is not None and not task.done()
        door.gate.open()
        assert await task == "through"
        assert await in_task(asyncio.sleep(0, "at once")) == "at once"

    asyncio.run(go())


def test_what_fails_behind_the_gate_fails_in_the_task() -> None:
    async def go() -> None:
        door = Door()
        task = asyncio.create_task(in_task(door.passed(fails=True)))
        await asyncio.sleep(0)
        door.gate.open()
        with pytest.raises(ValueError, match="threshold"):
            await task

    asyncio.run(go())


def test_a_task_that_is_cancelled_leaves_the_gate() -> None:
    async def go() -> None:
        door = Door()
        task = asyncio.create_task(in_task(door.passed()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert door.gate.waiter is None

    asyncio.run(go())
