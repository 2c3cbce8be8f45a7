"""An application that asks at a fixed rate, whatever happens, and reports an outcome of every answer."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from time import monotonic

from tests.chaos.crowd import Caller, Told, percentile
from tests.chaos.lab import chat, raw
from tests.support.processes import CHAT

USERS = 5_000
"""So many people use it, by turns."""
TOGETHER = 100
"""Outcomes that are reported at once, at most."""
PAUSE = 0.1
"""Seconds between two reports."""


class Steady:
    """`told` are the requests that have ended, `acknowledged` the reports that were, `waiting` the others."""

    def __init__(self, port: int, route: str, rate: float) -> None:
        self.told: list[Told] = []
        self.acknowledged = 0
        self.put_off = 0
        """Reports answered 503: made again later."""
        self.refused: list[Told] = []
        """Reports answered with anything else."""
        self._port = port
        self._rate = rate
        self._requests = [
            raw("POST", CHAT, chat(route) | {"user": f"user-{number}"}) for number in range(USERS)
        ]
        self._waiting: list[str] = []
        self._idle: deque[Caller] = deque()  # the longest idle first, before the gateway closes it
        self._crowd: list[Caller] = []
        self._over = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Steady:
        self._running = [asyncio.create_task(self._ask()), asyncio.create_task(self._report())]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await asyncio.gather(*self._running)
        for one in self._crowd:
            one.leave()

    def window(self, began: float, ended: float) -> list[Told]:
        """The requests that began in this time, on the monotonic clock."""
        return [one for one in self.told if began <= one.began < ended]

    async def _ask(self) -> None:
        began, asked = monotonic(), 0
        asking: set[asyncio.Task[None]] = set()
        while not self._over.is_set():
            while asked < (monotonic() - began) * self._rate:
                task = asyncio.create_task(self._ask_once(asked))
                asking.add(task)
                task.add_done_callback(asking.discard)
                asked += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*asking)

    async def _ask_once(self, number: int) -> None:
        if not self._idle:
            self._idle.append(Caller(self._port))
            self._crowd.append(self._idle[-1])
        one = self._idle.popleft()
        told = await one.ask(self._requests[number % USERS])
        self._idle.append(one)
        if told.good:
            self._waiting.append(told.headers["x-request-id"])
            told.headers, told.body = {}, b""  # hundreds of thousands of them are kept
        self.told.append(told)

    async def _report(self) -> None:
        one = Caller(self._port)
        while self._waiting or not self._over.is_set():
            some = self._waiting[:TOGETHER]
            if some:
                outcomes = [{"request_id": name, "validation_passed": True} for name in some]
                told = await one.ask(raw("POST", "/v1/outcomes", {"outcomes": outcomes}))
                if told.status == 200:
                    del self._waiting[: len(some)]
                    statuses = [entry["status"] for entry in json.loads(told.body)["data"]]
                    self.acknowledged += statuses.count("recorded")
                elif told.status == 503:
                    self.put_off += 1
                else:
                    self.refused.append(told)
                    del self._waiting[: len(some)]
            if len(self._waiting) < TOGETHER:
                await asyncio.sleep(PAUSE)
        one.leave()


def p99(told: Sequence[Told]) -> float:
    """Milliseconds within which all but one in a hundred were answered."""
    return percentile([one.seconds for one in told], 0.99) * 1000
