"""A gateway to drive: the real `headgate serve` in front of the real `headgate upstream`."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

HEADGATE = (sys.executable, "-P", "-m", "gateway.cli.main")
PATIENCE = 60.0
"""Seconds that anything may take on a busy machine before it counts as stuck."""


@dataclass(frozen=True)
class Gateway:
    """A running gateway: its two addresses and an application's key."""

    port: int
    admin_port: int
    key: str

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return f"http://127.0.0.1:{self.port}/v1"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Gateway]:
    """A gateway with one key and one rollout, its files in `folder`."""
    upstream, port, admin_port = (_free_port() for _ in range(3))
    made = json.loads(_output("keys", "create", "judge", "--application", "judge", "--json"))
    (folder / "headgate.yaml").write_text(json.dumps(_configuration(upstream, made["entry"])))
    serve = ("serve", "--config", "headgate.yaml", "--port", str(port), "--admin-port", str(admin_port))
    with (
        _running(folder, upstream, "/v1/models", "upstream", "--port", str(upstream)),
        _running(folder, port, "/health/ready", *serve, "--workers", "2", "--state", "state"),
    ):
        yield Gateway(port, admin_port, made["key"])


def _configuration(upstream: int, key: dict[str, Any]) -> dict[str, Any]:
    variants = {name: {"upstream": "simulated", "model": f"gpt-4.1-{name}"} for name in ("base", "tuned")}
    rollout = {"baseline": "base", "candidate": "tuned", "stages": [10, 50, 100]}
    return {
        "server": {"keys": [key], "lame_duck": "0s"},
        "upstreams": {"simulated": {"provider": "openai", "base_url": f"http://127.0.0.1:{upstream}/v1"}},
        "routes": {"solver": {"variants": variants, "rollout": rollout}},
    }


def _output(*arguments: str) -> str:
    ran = subprocess.run([*HEADGATE, *arguments], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@contextlib.contextmanager
def _running(folder: Path, port: int, path: str, *arguments: str) -> Iterator[None]:
    """The command, from its first answer at `path` until the block ends."""
    log = folder / f"{arguments[0]}.log"
    with log.open("w") as out:
        process = subprocess.Popen([*HEADGATE, *arguments], cwd=folder, stdout=out, stderr=out)
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(port, path):
            assert process.poll() is None, f"headgate {arguments[0]} ended:\n{log.read_text()}"
            assert time.monotonic() < until, f"headgate {arguments[0]} is not ready:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
