"""Sending telemetry, seen from the control plane: hands on what workers report, counts what is lost."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from time import monotonic

import msgspec

from gateway.channel.link import Kind, Link, pair
from gateway.control.telemetry.settings import Telemetry
from gateway.control.telemetry.wire import World, decode_lost, encode

MODULE = "gateway.control.telemetry.child"
PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a process that has died is started again; twice as long each time, at most."""
LONG = 60.0
"""Seconds of life after which a death is no habit."""
PATIENCE = 3.0
"""Seconds that it has to leave by itself."""
log = logging.getLogger("headgate.control")


class Sending:
    """Belongs to the running event loop. `lost` is told the signal, and how much of it could not be sent."""

    def __init__(self, telemetry: Telemetry, world: World, lost: Callable[[str, int], None]) -> None:
        self._telemetry = telemetry
        self._lost = lost
        self._world = world
        self._told = False
        self._link: Link | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()

    def serves(self, world: World) -> None:
        """Something else is being served from now on."""
        self._world = world
        self._told = self._link is not None and self._link.try_send(Kind.WORLD, encode(world))

    def add(self, message: bytes, count: int) -> None:
        """A worker's message of so many requests, as it came; never waits."""
        if not count:
            return
        if not self._told:
            self.serves(self._world)
        if self._link is None or not self._link.try_send(Kind.BATCH, message):
            self._lost("traces", count)

    async def keep_up(self) -> None:
        """Keeps the process running, for ever."""
        pause = PAUSE
        while True:
            born = monotonic()
            self._start()
            await self._ended.wait()
            if monotonic() - born > LONG:
                pause = PAUSE
            log.warning("the process that sends telemetry has ended; starting it again in %g s", pause)
            await self._end(kill=True)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _start(self) -> None:
        ours, theirs = pair()
        self._ended.clear()
        flags = {
            "--traces": self._telemetry.traces,
            "--metrics": self._telemetry.metrics,
            "--old-names": self._telemetry.old_names,
        }
        # -P: the directory that we were started in may hold a `config` of its own.
        command = [sys.executable, "-P", "-m", MODULE, "--link", str(theirs.fileno())]
        command += [flag for flag, on in flags.items() if on]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),))
        except OSError as error:
            log.error("the process that sends telemetry cannot be started: %s", error.strerror)
            ours.close()
            self._ended.set()
            return
        finally:
            theirs.close()
        self._link = Link(ours)
        self._link.listen(self._on_message, self._ended.set)
        self.serves(self._world)

    def _on_message(self, kind: Kind, message: bytes) -> None:
        if kind is Kind.LOST:
            try:
                lost = decode_lost(message)
            except msgspec.DecodeError:
                return
            self._lost("traces", lost.traces)
            self._lost("metrics", lost.metrics)

    async def close(self) -> None:
        """Has the process send what it holds, and leave."""
        await self._end(kill=False)

    async def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if self._link is not None:
            link, self._link = self._link, None
            if not kill:
                try:
                    async with asyncio.timeout(PATIENCE):
                        await link.send(Kind.DRAIN)
                        await self._ended.wait()
                except TimeoutError:
                    kill = True
            link.close()
        if process is not None:
            if kill:
                process.kill()
            await asyncio.to_thread(process.wait)
