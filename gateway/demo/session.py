"""A session of the demo: programs started, traffic sent, the rollout watched, everything shown and ended."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from gateway.demo.application import Application
from gateway.demo.board import Board
from gateway.demo.child import gateway
from gateway.demo.ports import HOST, Ports
from gateway.demo.process import Together
from gateway.demo.prometheus import prometheus
from gateway.demo.scenario import BASELINE, BOOK, CANDIDATE, SEGMENT, places, set_up
from gateway.demo.screen import Place
from gateway.demo.show import Show
from gateway.demo.summary import as_json, as_text
from gateway.demo.watch import Moved, Watch
from gateway.providers.simulation_book import load


@dataclass(frozen=True, slots=True)
class Options:
    """How the demo was asked to run; `requests` and `duration` (seconds) None: until interrupted.

    `until_settled`: until the rollout has come to rest. `prometheus` is the program to start beside it and
    `prometheus_port` where it listens; empty, 0: none.
    """

    scenario: str
    speed: float
    requests: int | None
    duration: float | None
    until_settled: bool
    as_json: bool
    prometheus: str = ""
    prometheus_port: int = 0


async def hold(options: Options, ports: Ports) -> None:
    """Holds a whole session. Raises Failed when a program does not start or goes away."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    setup = set_up(options.scenario, options.speed)
    note = f"8080/8081 taken: on {ports.data} and {ports.admin}" if ports.moved else ""
    place = Place(
        options.scenario, ports.data, ports.admin, setup.key, setup.admin_key, options.prometheus_port, note
    )
    with tempfile.TemporaryDirectory(prefix="headgate-demo-") as name:
        directory = Path(name)
        children = [gateway(directory, setup.text, ports)]
        if options.prometheus:
            children.append(prometheus(options.prometheus, directory, options.prometheus_port, ports.admin))
        beside = Together(children)
        try:
            if await _unless(stop, beside.start()):
                await _drive(options, place, beside, stop)
        finally:
            await beside.stop()


async def _drive(options: Options, place: Place, beside: Together, stop: asyncio.Event) -> None:
    """Sends and shows until what was asked is done, somebody interrupts, or a program goes away."""
    board = Board(places())
    board.weigh({("ordinary", "gemini"): 100.0})
    application = Application(f"http://{HOST}:{place.port}/v1", place.key, load(BOOK), Random(), board.add)
    start = time.monotonic()
    moves: list[Moved] = []
    watch = Watch(place.admin_url, place.admin_key, time.time(), moves.append)

    def refresh() -> float:
        """Brings the weights on the board up to date; returns how long it has been running."""
        weight = watch.seen.weight
        board.weigh({(SEGMENT, CANDIDATE): weight, (SEGMENT, BASELINE): 100.0 - weight})
        return time.monotonic() - start

    show = Show(place, board, watch.seen, moves, refresh)
    beneath = [asyncio.create_task(watch.run())]
    if not options.as_json:
        beneath.append(asyncio.create_task(show.run()))
    if options.duration is not None:
        asyncio.get_running_loop().call_later(options.duration, stop.set)
    if options.until_settled:
        beneath.append(asyncio.create_task(_when(watch.rested, stop)))
    try:
        await _unless(stop, _either(application.run(options.speed, options.requests), beside.watch()))
    finally:
        await application.close()
        for task in beneath:
            task.cancel()
        await asyncio.gather(*beneath, return_exceptions=True)
        await watch.look()
        await watch.close()
    seconds = refresh()
    print(
        as_json(place, board, watch.seen, seconds) if options.as_json
        else as_text(board, watch.seen, seconds)
    )  # fmt: skip


async def _when(happened: asyncio.Event, stop: asyncio.Event) -> None:
    await happened.wait()
    stop.set()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Does `work` unless `stop` comes first; whether it was done."""
    return await _first(asyncio.create_task(work), asyncio.create_task(stop.wait()))


async def _either(work: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    await _first(asyncio.create_task(work), asyncio.create_task(other))


async def _first(work: asyncio.Task[Any], other: asyncio.Task[Any]) -> bool:
    """Waits for one of two tasks and cancels the other; whether it was `work`. Raises what it raised."""
    try:
        await asyncio.wait((work, other), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, other):
            if task.done():
                task.result()
        return work.done()
    finally:
        for task in (work, other):
            task.cancel()
        await asyncio.gather(work, other, return_exceptions=True)
