"""Validation: judges answers in a child process that may be killed, one after another.

Whatever goes wrong (no time, no room, no child) the answer counts as skipped, never as failed: what we could
not judge is evidence of nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass

from gateway.validation.process import Child, Died
from gateway.validation.wire import Rules
from routing.validators.pieces import LARGEST
from routing.validators.verdict import Reason, Skipped, Verdict

log = logging.getLogger("headgate.validation")

LARGEST_BODY = 8 * 1024 * 1024
"""Bytes of a captured body; a stream takes some 300 bytes a token."""
WAITING = 256
WAITING_BYTES = 32 * 1024 * 1024
"""Answers, and their bytes, that wait to be judged; further ones are skipped."""
PAUSE = 5.0
"""Seconds without a new child after `CRASHES` of them in a row."""
CRASHES = 3


@dataclass(eq=False, slots=True)
class _Job:
    rules: Rules
    content: bytes
    whole: bool
    done: asyncio.Future[Verdict]


class Validation:
    """Belongs to the running event loop. The child is started when there is something to judge."""

    def __init__(self, *, waiting: int = WAITING, waiting_bytes: int = WAITING_BYTES) -> None:
        self._most = waiting
        self._most_bytes = waiting_bytes
        self._jobs: deque[_Job] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._child: Child | None = None
        self._crashes = 0
        self._paused_until = 0.0
        self._faults: set[str] = set()
        self._working: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process, if there is one."""
        return None if self._child is None else self._child.pid

    async def validate(self, rules: Rules, text: str) -> Verdict:
        """Judges a text: it passes when every rule holds."""
        try:
            content = text.encode()
        except UnicodeEncodeError:  # lone surrogates, which no JSON answer holds
            return Skipped(Reason.NO_TEXT)
        return await self._ask(rules, content, LARGEST, whole=False)

    async def validate_answer(self, rules: Rules, body: bytes) -> Verdict:
        """Judges the whole body of a response, JSON or server-sent events; the child finds its text."""
        return await self._ask(rules, body, LARGEST_BODY, whole=True)

    async def close(self) -> None:
        """Ends the child; whoever waits is told that the answer was skipped."""
        self._closed = True
        if self._working is not None:
            self._working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._working
        for job in self._jobs:
            _settle(job, Skipped(Reason.CLOSED))
        self._jobs.clear()
        if self._child is not None:
            child, self._child = self._child, None
            await child.end(kill=False)

    async def _ask(self, rules: Rules, content: bytes, largest: int, *, whole: bool) -> Verdict:
        if self._closed:
            return Skipped(Reason.CLOSED)
        if len(content) > largest:
            return Skipped(Reason.TOO_LARGE)
        if len(self._jobs) >= self._most or self._bytes + len(content) > self._most_bytes:
            return Skipped(Reason.QUEUE_FULL)
        job = _Job(rules, content, whole, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._bytes += len(content)
        self._arrived.set()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await job.done

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._jobs:
                job = self._jobs.popleft()
                self._bytes -= len(job.content)
                if not job.done.done():  # whoever asked may have gone
                    await self._settle_one(job)

    async def _settle_one(self, job: _Job) -> None:
        verdict: Verdict = Skipped(Reason.CRASHED)
        try:
            verdict = await self._judge(job)
        except asyncio.CancelledError:
            verdict = Skipped(Reason.CLOSED)
            raise
        finally:
            _settle(job, verdict)

    async def _judge(self, job: _Job) -> Verdict:
        child = await self._living()
        if child is None:
            return Skipped(Reason.UNAVAILABLE)
        try:
            reply = await child.judge(job.rules, job.content, whole=job.whole)
        except Died as death:
            self._child = None
            self._mourn(death)
            return Skipped(death.reason)
        self._crashes = 0
        if reply.fault and reply.fault not in self._faults:
            self._faults.add(reply.fault)
            log.error("a validator failed with %s; such answers are skipped", reply.fault)
        return reply.verdict()

    async def _living(self) -> Child | None:
        """The child, a new one if need be; None while none can be had."""
        if self._child is None and asyncio.get_running_loop().time() >= self._paused_until:
            try:
                self._child = await Child.start()
            except OSError as error:
                log.error("the validating process cannot be started: %s", error.strerror)
                self._pause()
        return self._child

    def _mourn(self, death: Died) -> None:
        if death.reason is Reason.TIMEOUT:
            log.warning("a validator took too long and was ended; the answer is skipped")
            return
        self._crashes += 1
        log.warning("the validating process ended with status %d; the answer is skipped", death.code)
        if self._crashes >= CRASHES:
            self._pause()

    def _pause(self) -> None:
        self._paused_until = asyncio.get_running_loop().time() + PAUSE


def _settle(job: _Job, verdict: Verdict) -> None:
    if not job.done.done():
        job.done.set_result(verdict)
