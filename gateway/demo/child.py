"""The real gateway as a child process of the demo, on ports and with a state directory of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
READY_SECONDS = 30.0
STOP_SECONDS = 15.0
_BETWEEN_LOOKS = 0.05
_LAST_LINES = 5


class GatewayFailed(Exception):
    """The gateway did not start or went away; the message says what it printed last."""


class PortTaken(Exception):
    """A port that was asked for is in use."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the gateway listens; `moved` says that a default was taken."""

    data: int
    admin: int
    moved: bool


def choose_ports(port: int | None, admin_port: int | None) -> Ports:
    """The ports given, else the usual ones, else free ones. Raises PortTaken for one that was given."""
    data = _choose("--port", port, 8080)
    admin = _choose("--admin-port", admin_port, 8081, but=data)
    moved = (port is None and data != 8080) or (admin_port is None and admin != 8081)
    return Ports(data, admin, moved)


def _choose(option: str, given: int | None, usual: int, but: int = 0) -> int:
    wanted = usual if given is None else given
    if wanted != but and _is_free(wanted):
        return wanted
    if given is not None:
        raise PortTaken(
            f"{option} {given} is in use on {HOST}; choose another, or leave it out for a free one"
        )
    while (port := _any_free()) == but:
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


class Child:
    """`headgate serve` with the configuration `text`, in `directory`."""

    def __init__(self, directory: Path, text: str, ports: Ports) -> None:
        self._directory = directory
        self._text = text
        self._ports = ports
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the gateway and returns when it is ready. Raises GatewayFailed."""
        configuration = self._directory / "headgate.yaml"
        configuration.write_text(self._text, encoding="utf-8")
        with self._output.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal reaches the demo alone, which then stops its child.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "gateway.cli.main", "serve",
                "--config", str(configuration), "--state", str(self._directory / "state"),
                "--host", HOST, "--port", str(self._ports.data),
                "--admin-host", HOST, "--admin-port", str(self._ports.admin), "--workers", "1",
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env=_environment(), start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await self._ready():
                    if self._process.returncode is not None:
                        raise GatewayFailed(self._failure("the gateway did not start"))
                    await asyncio.sleep(_BETWEEN_LOOKS)
        except TimeoutError:
            raise GatewayFailed(
                self._failure(f"the gateway was not ready in {READY_SECONDS:.0f} s")
            ) from None

    async def watch(self) -> None:
        """Raises GatewayFailed when the gateway goes away by itself."""
        assert self._process is not None
        await self._process.wait()
        raise GatewayFailed(self._failure("the gateway went away"))

    async def stop(self) -> None:
        """Asks the gateway to leave, and insists when it does not."""
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

    @property
    def _output(self) -> Path:
        return self._directory / "gateway.log"

    async def _ready(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self._ports.data)
        except OSError:
            return False
        try:
            writer.write(
                b"GET /health/ready HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % HOST.encode()
            )
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()

    def _failure(self, what: str) -> str:
        lines = self._output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = " | ".join(lines[-_LAST_LINES:])
        return f"{what}: {said}" if said else what


def _environment() -> dict[str, str]:
    """The caller's, without what would change the demo's configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
