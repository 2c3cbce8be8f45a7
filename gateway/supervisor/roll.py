"""The workers: one for each listening socket, replaced one after another without a failed request.

    asked → for each number a successor is started on the same socket
              ready    → it serves; its predecessor hands over, finishes what it has, and leaves
              not so   → it is killed, its predecessor serves on, and the roll ends there

A predecessor may take as long as its last stream while the roll goes on. The two processes of a number need
a link to the control plane each, of which there are two, its lanes 0 and 1: a number is not replaced again
before a lane is free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.channel.link import Kind
from gateway.supervisor.child import Child

log = logging.getLogger("headgate.supervisor")

READY_WITHIN = 60.0
"""Seconds that a successor has to get ready: enough for a heavy import on a busy machine."""


class Roll:
    """Keeps the workers, and replaces them when asked.

    `make` gives the child for a number and a lane. `on_end` is told when the keeping of one that serves has
    ended. `patience` says how many seconds a predecessor may take to leave before it is killed.
    """

    def __init__(
        self,
        size: int,
        make: Callable[[int, int], Child],
        on_end: Callable[[asyncio.Task[None]], None],
        patience: Callable[[], float],
        ready_within: float = READY_WITHIN,
    ) -> None:
        self._make = make
        self._on_end = on_end
        self._patience = patience
        self._ready_within = ready_within
        self._asked = asyncio.Event()
        self._lanes = [0] * size
        self._starting: Child | None = None
        self._leaving: dict[int, Child] = {}
        self.serving = [make(number, 0) for number in range(size)]

    @property
    def everybody(self) -> list[Child]:
        """Those that serve, the successor that is being started, those that are leaving."""
        starting = [] if self._starting is None else [self._starting]
        return [*self.serving, *starting, *self._leaving.values()]

    def start(self) -> None:
        """Starts the first worker of each number."""
        for worker in self.serving:
            worker.start().add_done_callback(self._on_end)

    def ask(self) -> None:
        """Has every worker replaced; asked while that is being done, once more afterwards."""
        self._asked.set()

    async def run(self) -> None:
        """Does what is asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            log.info("replacing the workers, one after another")
            if await self._replace_all():
                log.info("every worker has been replaced", extra={"fields": {"event": "rolled"}})

    def stop(self) -> None:
        """Everybody is about to leave, `run` has been cancelled: a successor that was being started goes now.

        It is asked, not killed: it may have begun to accept without our knowing.
        """
        if self._starting is not None:
            self._starting.leave()

    async def _replace_all(self) -> bool:
        for number in range(len(self.serving)):
            if not await self._replace(number):
                return False
        return True

    async def _replace(self, number: int) -> bool:
        """Whether a successor serves now."""
        if number in self._leaving:
            await self._leaving[number].left()
        lane = 1 - self._lanes[number]
        successor = self._starting = self._make(number, lane)
        life = successor.start()
        fault = await self._fault(successor, life)
        if fault:
            successor.kill()
            await successor.left()
            self._starting = None
            log.error("%s; the one before it serves on, and no other worker is replaced", fault)
            return False
        predecessor, self.serving[number] = self.serving[number], successor
        self._starting = None
        self._lanes[number] = lane
        life.add_done_callback(self._on_end)
        self._say_farewell(number, predecessor)
        return True

    async def _fault(self, successor: Child, life: asyncio.Task[None]) -> str:
        """Waits until the successor is ready; says why it will not be, or nothing."""
        ready = asyncio.create_task(successor.ready.wait())
        try:
            await asyncio.wait((ready, life), timeout=self._ready_within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if successor.ready.is_set():
            return ""
        if not life.done():
            return f"the new {successor.name} was not ready within {self._ready_within:g} s"
        return f"the new {life.exception() or successor.name + ' has left'}"

    def _say_farewell(self, number: int, predecessor: Child) -> None:
        """Lets the predecessor hand over, which it must have done in time."""
        successor, loop = self.serving[number], asyncio.get_running_loop()
        log.info(
            "%s: process %d takes over from %d", successor.name, successor.pid, predecessor.pid,
            extra={"fields": {"event": "replaced", "worker": number, "pid": successor.pid}},
        )  # fmt: skip
        self._leaving[number] = predecessor
        predecessor.leave(Kind.HAND_OVER)
        overdue = loop.call_later(self._patience(), predecessor.kill)
        assert predecessor.life is not None

        def gone(life: asyncio.Task[None]) -> None:
            overdue.cancel()
            del self._leaving[number]

        predecessor.life.add_done_callback(gone)
