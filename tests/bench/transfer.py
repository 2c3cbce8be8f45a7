"""Large files through the gateway, how fast and at what memory: `python -m tests.bench.transfer [MiB]`."""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.support.files import BLOCK, FileUpstream, file_upstream
from tests.support.gateway import Gateway, running_gateway
from tests.support.processes import WORKER

CONFIG = """
upstreams:
  files: {{provider: openai, base_url: "{url}"}}
passthrough: {{upstream: files}}
routes:
  any:
    variants: {{only: {{upstream: files, model: m}}}}
    variant: only
"""
MIB = 1 << 20
PAUSE = 2.0
"""Seconds for which the slow side stands still in the middle."""


def status(pid: int, name: str) -> float:
    """A field of a process's status, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":"))


class Measured:
    """Peak memory and time of what happens in the block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> Measured:
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")  # the peak begins anew
        self.before = status(self._pid, "VmRSS")
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self.peak = status(self._pid, "VmHWM")


@contextlib.contextmanager
def connected(gateway: Gateway, head: str) -> Iterator[socket.socket]:
    """A connection on which a head has been sent."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(f"{head}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        yield client


def upload(gateway: Gateway, size: int, query: str = "") -> None:
    """Sends a file."""
    with connected(gateway, f"POST /v1/files{query} HTTP/1.1\r\nContent-Length: {size}") as client:
        for _ in range(size // len(BLOCK)):
            client.sendall(BLOCK)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def download(gateway: Gateway, size: int, pause: float = 0.0) -> None:
    """Reads a file; stands still once after the first bytes."""
    with connected(gateway, f"GET /v1/files/f/content?give={size} HTTP/1.1") as client:
        got = len(client.recv(65536))
        time.sleep(pause)
        while part := client.recv(MIB):
            got += len(part)
        assert got > size


def held_upload(gateway: Gateway, upstream: FileUpstream, size: int) -> None:
    """Sends a file to an upstream that takes nothing for a while."""
    upstream.reset()
    threading.Timer(PAUSE, upstream.open).start()
    upload(gateway, size, "?hold=up")


def main() -> None:
    """Prints the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    table = Table(title=f"{size} MiB through one worker")
    for name in ("", "seconds", "MiB/s", "worker's MiB before", "at the peak"):
        table.add_column(name, justify="right" if name else "left")
    with tempfile.TemporaryDirectory() as folder, file_upstream() as upstream:
        config = Path(folder) / "headgate.yaml"
        config.write_text(CONFIG.format(url=upstream.url))
        with running_gateway(config) as gateway:
            (worker,) = gateway.children(WORKER)
            upload(gateway, MIB)
            download(gateway, MIB)
            whole = size * MIB
            cases: dict[str, Callable[[], None]] = {
                "upload": lambda: upload(gateway, whole),
                "download": lambda: download(gateway, whole),
                f"upload, the upstream pauses for {PAUSE:g} s": lambda: held_upload(gateway, upstream, whole),
                f"download, the client pauses for {PAUSE:g} s": lambda: download(gateway, whole, PAUSE),
            }
            for name, case in cases.items():
                with Measured(worker) as seen:
                    case()
                rate = size / seen.seconds
                table.add_row(
                    name, f"{seen.seconds:.2f}", f"{rate:.0f}", f"{seen.before:.1f}", f"{seen.peak:.1f}"
                )
    Console().print(table)


if __name__ == "__main__":
    main()
