"""A program that the demo runs beside itself: started, waited for until ready, watched, and ended with it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.demo.ports import HOST

READY_SECONDS = 30.0
STOP_SECONDS = 15.0
_BETWEEN_LOOKS = 0.05
_LAST_LINES = 5


class Failed(Exception):
    """A program did not start or went away; the message says what it printed last."""


class Process:
    """`command`, called `name` in messages; ready once `path` on `port` answers 200. It writes to `log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        path: str,
        log: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._name = name
        self._command = command
        self._port = port
        self._path = path
        self._log = log
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts it and returns when it is ready. Raises Failed."""
        with self._log.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal reaches the demo alone, which then stops it.
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env=self._environment, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await self._ready():
                    if self._process.returncode is not None:
                        raise Failed(self._failure(f"{self._name} did not start"))
                    await asyncio.sleep(_BETWEEN_LOOKS)
        except TimeoutError:
            raise Failed(self._failure(f"{self._name} was not ready in {READY_SECONDS:.0f} s")) from None

    async def watch(self) -> None:
        """Raises Failed when it goes away by itself."""
        assert self._process is not None
        await self._process.wait()
        raise Failed(self._failure(f"{self._name} went away"))

    async def stop(self) -> None:
        """Asks it to leave, and insists when it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _ready(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self._port)
        except OSError:
            return False
        try:
            writer.write(
                b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n"
                % (self._path.encode(), HOST.encode())
            )
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()

    def _failure(self, what: str) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = " | ".join(lines[-_LAST_LINES:])
        return f"{what}: {said}" if said else what


class Together:
    """Several of them as one: started one after another, ended in the opposite order."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes

    async def start(self) -> None:
        """Returns when all are ready. Raises Failed."""
        for process in self._processes:
            await process.start()

    async def watch(self) -> None:
        """Raises Failed when one goes away by itself."""
        watching = [asyncio.create_task(process.watch()) for process in self._processes]
        try:
            for ended in asyncio.as_completed(watching):
                await ended
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def stop(self) -> None:
        """Asks them to leave, and insists."""
        for process in reversed(self._processes):
            await process.stop()
