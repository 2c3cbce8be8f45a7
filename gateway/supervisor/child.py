"""One child process that is kept alive: started, greeted, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from time import monotonic

from gateway.channel.link import Kind, Link, pair
from gateway.supervisor.turns import go_first, stand_back

log = logging.getLogger("headgate.supervisor")

YOUNG = 10.0
"""Seconds of life after which a death is taken for an accident and not for a habit."""
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
MEMORY = {"MALLOC_ARENA_MAX": "1"}
"""For glibc, unless the environment says otherwise: a heap for each thread would keep what it once needed."""
OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""Signals that terminals and service managers send to every process, and only the supervisor acts on."""


class StillBorn(Exception):
    """A child that ended before it was ever ready."""


class Child:
    """A worker or the control plane.

    `greeting` makes the first message of each life. `descriptors` maps option names to inherited descriptors,
    which stay open here, so that a successor goes on with them. `on_message` gets what the child says. A
    `prompt` child gets a core as soon as it has something to do; others stand back.
    """

    def __init__(
        self,
        name: str,
        module: str,
        options: Sequence[str],
        descriptors: Sequence[int],
        greeting: Callable[[], tuple[Kind, bytes]],
        on_message: Callable[[Kind, bytes], None],
        *,
        prompt: bool = False,
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.pid = 0
        self.life: asyncio.Task[None] | None = None
        self._module = module
        self._options = options
        self._descriptors = descriptors
        self._greeting = greeting
        self._on_message = on_message
        self._prompt = prompt
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._deaths = 0
        self._ended = asyncio.Event()
        self._leaving = asyncio.Event()

    def start(self) -> asyncio.Task[None]:
        """Begins to keep the child; the task ends when it has been told to leave and has left.

        It raises StillBorn when the child gives up before it was ever ready, since it would again. One that
        was killed is started anew.
        """
        self.life = asyncio.create_task(self._keep())
        return self.life

    async def left(self) -> None:
        """Waits until a child that has been started is kept no longer, for whatever reason."""
        if self.life is not None:
            await asyncio.wait([self.life])

    async def _keep(self) -> None:
        wait = 0.0
        while True:
            born = monotonic()
            code = await self._live()
            if self._leaving.is_set():
                return
            if code >= 0 and not self.ready.is_set():
                raise StillBorn(f"{self.name} {_how(code)} before it was ready; its log is above")
            self._deaths += 1
            wait = 0.0 if monotonic() - born > YOUNG else min(max(wait * 2, FIRST_WAIT), LONGEST_WAIT)
            log.warning("%s %s; starting it again", self.name, _how(code))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), wait)
                return

    async def _live(self) -> int:
        """One life; returns its exit status, negative for a signal."""
        ours, theirs = pair()
        self._link = Link(ours)
        self._ended.clear()
        try:
            self._process = self._spawn(theirs.fileno())
        finally:
            theirs.close()
        self.pid = self._process.pid
        (go_first if self._prompt else stand_back)(self.pid)
        self._link.listen(self._heard, lambda: None)
        await self._link.send(*self._greeting())
        await self._ended.wait()
        self._link.close()
        self._link = None
        self.pid = 0
        code: int = self._process.returncode
        return code

    def _spawn(self, link: int) -> subprocess.Popen[bytes]:
        # Blocked signals stay blocked in the child, from its first instruction on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, OURS)
        try:
            return subprocess.Popen(
                # -P: the directory that we were started in may hold a `config` of its own.
                [sys.executable, "-P", "-m", self._module, *self._options, "--supervisor", str(link)],
                stdin=subprocess.DEVNULL,
                env=MEMORY | os.environ,
                pass_fds=(*self._descriptors, link),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _heard(self, kind: Kind, message: bytes) -> None:
        if kind is Kind.READY:
            self.ready.set()
            if self._deaths:
                fields = {"event": "restarted", "child": self.name, "pid": self.pid}
                log.info("%s is back as process %d", self.name, self.pid, extra={"fields": fields})
        else:
            self._on_message(kind, message)

    def look(self) -> None:
        """Some child has ended: was it this one?"""
        if self._process is not None and self._process.poll() is not None:
            self._ended.set()

    def tell(self, kind: Kind) -> None:
        """Sends a command; a child that is not there, or does not listen, misses it."""
        if self._link is not None:
            self._link.try_send(kind)

    def leave(self, how: Kind = Kind.DRAIN) -> None:
        """Asks it to finish and go; it is not started again."""
        self._leaving.set()
        self.tell(how)

    def kill(self) -> None:
        """Ends it now; it is not started again."""
        self._leaving.set()
        if self._process is not None and not self._ended.is_set():
            self._process.kill()


def _how(code: int) -> str:
    if code >= 0:
        return f"left with exit status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
