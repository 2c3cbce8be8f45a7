"""Who is measured: no proxy at all, nginx, Headgate; started side by side, each with its port."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.build import SOURCES, found, program
from tests.bench.headgate import KEY, configuration, name_of
from tests.bench.installed import environment
from tests.bench.load import request
from tests.bench.process import Cores, Failed, running

PREFIXES = ["", "/stream", "/delay-50", "/pace-20", "/pace-5.3"]
"""What the upstream's paths may begin with; it ignores `/stream`, which turns nginx's buffering off."""
STARTING = 60.0
_ANSWERED = re.compile(r'^headgate_requests_total\{.*status="ok".*\} (\S+)$', re.MULTILINE)
_DROPPED = re.compile(r"^headgate_dropped_events_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Manner:
    """How a contestant is asked: path, model and key; `{prefix}` and `{name}` in them are the prefix's.

    `bare`: without the fields at which it would complain in its log; `identity`: asked not to compress its
    answers, which would cost it time and the load generator its check; `end`: how they end, if not as the
    upstream's do.
    """

    path: str
    model: str
    key: str = KEY
    bare: bool = False
    identity: bool = False
    end: str = ""


PLAINLY = Manner("{prefix}/v1/chat/completions", "gpt-4.1-mini")
"""Nobody on the way looks into the request."""


@dataclass(frozen=True)
class Contestant:
    """A way to the upstream. `pid` heads its processes (0: none); `ready` is its start-up time in seconds.

    `admin_port` is Headgate's, where its own metrics are; 0: none.
    """

    name: str
    port: int
    pid: int
    ready: float
    directory: Path
    admin_port: int = 0
    manner: Manner = PLAINLY

    def recorded(self) -> float:
        """How many answered requests the control plane has counted; each one dropped takes one off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        counted = sum(float(value) for value in _ANSWERED.findall(text))
        return counted - sum(float(value) for value in _DROPPED.findall(text))

    def request(self, prefix: str, *, stream: bool) -> Path:
        """A file with the request that reaches the upstream's `prefix` through this contestant."""
        manner = self.manner
        path = manner.path.format(prefix=prefix)
        model = manner.model.format(name=name_of(prefix))
        file = self.directory / f"request{name_of(prefix)}-{stream}.http"
        whole = request(self.port, path, model, manner.key, stream=stream, bare=manner.bare)
        if manner.identity:
            whole = whole.replace(b"Accept-Encoding: gzip, deflate", b"Accept-Encoding: identity")
        file.write_bytes(whole)
        return file


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_ready(
    name: str, port: int, process: subprocess.Popen[bytes], log: Path, path: str = "/health/ready"
) -> float:
    """Seconds until `GET path` answers 200. Raises Failed with the log's end if it never does."""
    start = time.monotonic()
    while time.monotonic() - start < STARTING and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.monotonic() - start
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.002)
    raise Failed(f"{name} did not become ready:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def upstream(cores: Cores, directory: Path) -> Iterator[int]:
    """The upstream's port while it runs."""
    port = free_port()
    log = directory / "upstream.log"
    with running([str(program("upstream")), str(port)], [cores.load], os.environ, log) as process:
        while b"listening" not in log.read_bytes():
            if process.poll() is not None:
                raise Failed(f"the upstream ended: {log.read_text()}")
            time.sleep(0.005)
        yield port


@contextmanager
def nginx(upstream_port: int, cores: Cores, directory: Path) -> Iterator[Contestant]:
    """nginx as a plain reverse proxy with one worker."""
    directory.mkdir()
    port = free_port()
    values = {
        "USER": "user root;" if os.geteuid() == 0 else "",
        "DIRECTORY": str(directory),
        "UPSTREAM": str(upstream_port),
        "PORT": str(port),
    }
    text = (SOURCES / "nginx.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    file = directory / "nginx.conf"
    file.write_text(text)
    command = [found("nginx", "nginx"), "-c", str(file), "-e", str(directory / "error.log")]
    log = directory / "output.log"
    with running(command, [cores.gateway], os.environ, log) as process:
        yield Contestant("nginx", port, process.pid, await_ready("nginx", port, process, log), directory)


@contextmanager
def headgate(
    upstream_port: int, cores: Sequence[int], directory: Path, *, workers: int = 1, name: str = "headgate"
) -> Iterator[Contestant]:
    """`headgate serve` with every feature on, all its processes on `cores`."""
    directory.mkdir()
    port, admin_port = free_port(), free_port()
    file = directory / "headgate.yaml"
    file.write_text(configuration(upstream_port, PREFIXES))
    command = [sys.executable, "-P", "-m", "gateway.cli.main", "serve", "--config", str(file)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--admin-host", "127.0.0.1"]
    command += [
        "--admin-port",
        str(admin_port),
        "--workers",
        str(workers),
        "--state",
        str(directory / "state"),
    ]
    log = directory / "output.log"
    with running(command, cores, environment(), log) as process:
        ready = await_ready("headgate", port, process, log)
        await_ready("headgate's control plane", admin_port, process, log)
        manner = Manner("/v1/chat/completions", "{name}")
        yield Contestant(name, port, process.pid, ready, directory, admin_port, manner)
