"""A real `headgate serve`, started for tests on ports that it takes itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.client import PATIENCE, Client

STARTED = 60.0
"""Seconds for a start, which takes a second of processor time and more on a machine that others use."""


def hash_of(key: str) -> str:
    """How the configuration knows a key."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class Gateway(Client):
    """The gateway and how to talk to it; `log` holds its JSON lines.

    Which ports it has taken is known once it is ready.
    """

    def __init__(self, process: subprocess.Popen[str], keys: dict[str, str]) -> None:
        super().__init__(0, 0, keys)
        self.process = process
        self.log: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line.rstrip()})

    def logged(self, text: str) -> bool:
        return any(text in str(entry.get("message")) for entry in self.log)

    def wait_ready(self, patience: float) -> None:
        end = time.monotonic() + patience
        while not self._ready():
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.02)

    def _ready(self) -> bool:
        for entry in list(self.log):
            if entry.get("event") == "serving":
                self.port, self.admin_port = (urlsplit(entry[name]).port for name in ("url", "admin_url"))
                with contextlib.suppress(OSError):
                    return self.get("/health/ready").status == 200
        return False

    def children(self, module: str, parent: int | None = None) -> list[int]:
        """The pids of the children that run `module`; those of the supervisor, unless of `parent`."""
        parent = parent or self.process.pid
        return [pid for pid in _pids() if _parent_of(pid) == parent and module in _command_of(pid)]

    def stop(self) -> int:
        """Ends it as a terminal would and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(PATIENCE)
            assert self.process.stderr is not None
            self.process.stderr.close()


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it has ended meanwhile


def _command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


@contextlib.contextmanager
def running_gateway(
    config: Path | None,
    *,
    keys: dict[str, str] | None = None,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    python: str = sys.executable,
    patience: float = STARTED,
) -> Iterator[Gateway]:
    """`headgate serve` on the configuration file, ready; stopped at the end, if it is still there.

    Without a file everything comes from `environ`. `python` is the interpreter that it runs on, `patience`
    the seconds that it may take to be ready.
    """
    command = [python, "-P", "-m", "gateway.cli.main", "serve", "--port", "0", "--admin-port", "0"]
    if config is not None:
        command += ["--config", str(config), "--state", str(config.parent / "state")]
    command += options or ["--workers", "1"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    gateway = Gateway(process, keys or {})
    try:
        gateway.wait_ready(patience)
        yield gateway
    finally:
        gateway.stop()
