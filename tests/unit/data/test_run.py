"""The coroutine driver: gates, futures, cancellation, ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.run import Gate, Run


def started(coroutine: Coroutine[Any, Any, None]) -> tuple[Run, list[BaseException | None]]:
    ends: list[BaseException | None] = []
    run = Run(coroutine, ends.append)
    run.resume()
    return run, ends


def test_a_gate_resumes_at_once():
    gate, seen = Gate(), []

    async def walk() -> None:
        seen.append("before")
        await gate
        seen.append("after")

    _, ends = started(walk())
    assert seen == ["before"]
    gate.open()
    assert seen == ["before", "after"] and ends == [None]
    gate.open()  # nobody waits


def test_an_exception_ends_the_run():
    async def fall() -> None:
        raise KeyError("x")

    _, ends = started(fall())
    assert isinstance(ends[0], KeyError)


def test_cancel_at_a_gate_is_immediate_and_cleans_up():
    gate, seen = Gate(), []

    async def walk() -> None:
        try:
            await gate
        finally:
            seen.append("cleaned")

    run, ends = started(walk())
    run.cancel()
    assert seen == ["cleaned"] and isinstance(ends[0], asyncio.CancelledError)
    gate.open()  # no longer waiting


def test_cancel_may_be_survived():
    gate = Gate()

    async def walk() -> None:
        try:
            await gate
        except asyncio.CancelledError:
            await gate

    run, ends = started(walk())
    run.cancel()
    assert not ends
    gate.open()
    assert ends == [None]


def test_cancel_before_the_first_wait_takes_effect_there():
    gate = Gate()
    ends: list[BaseException | None] = []

    async def walk() -> None:
        run.cancel()
        await gate

    run = Run(walk(), ends.append)
    run.resume()
    assert isinstance(ends[0], asyncio.CancelledError)


@pytest.mark.parametrize("cancelled", [False, True])
def test_futures_and_tasks_may_be_awaited(cancelled):
    async def scene() -> list[BaseException | None]:
        future = asyncio.get_running_loop().create_future()
        values = []

        async def inner() -> int:
            await asyncio.sleep(0)
            return await future

        async def walk() -> None:
            await asyncio.sleep(0)
            values.append(await asyncio.create_task(inner()))

        run, ends = started(walk())
        await asyncio.sleep(0.01)
        if cancelled:
            run.cancel()
        else:
            future.set_result(7)
        while not ends:
            await asyncio.sleep(0)
        assert values == ([] if cancelled else [7])
        return ends

    ends = asyncio.run(scene())
    assert isinstance(ends[0], asyncio.CancelledError) if cancelled else ends == [None]
