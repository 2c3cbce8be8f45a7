"""A machine that lets the gateway down: its disk is full, nobody reads what it prints."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

from tests.bench.process import family
from tests.chaos.crowd import meanwhile, run
from tests.chaos.lab import Lab, chat, raw_chat
from tests.chaos.row import Figure, Figures, Row, Skipped, none
from tests.support.client import PATIENCE, Client
from tests.support.ports import free_ports
from tests.support.processes import CHAT

SERVED = """
server: {lame_duck: 0s}
upstreams:
  sim: {provider: simulated, latency: 0s, tokens_per_second: 0}
routes:
  good:
    variants: {only: {upstream: sim, model: m}}
    variant: only
"""
EDIT = "  more: {variants: {only: {upstream: sim, model: m}}, variant: only}\n"
DISK = "16m"
ON_A_SMALL_DISK = 'mount -t tmpfs -o size=$1 none "$2" && shift 2 && exec "$@" 2> "$HEADGATE_STATE/log"'
"""Runs a command whose state and log are on a disk of its own, which ends with it."""


class Sufferer(Client):
    """A gateway of which nothing is known but its pid and its ports."""

    def __init__(self, process: subprocess.Popen[bytes], config: Path, port: int, admin_port: int) -> None:
        super().__init__(port, admin_port, {})
        self.process = process
        self.config = config

    def ready(self) -> bool:
        """Whether both ports say so."""
        assert self.process.poll() is None, f"it has ended with {self.process.returncode}"
        with contextlib.suppress(OSError):
            return all(
                self.get("/health/ready", port=port).status == 200 for port in (self.port, self.admin_port)
            )
        return False

    def members(self, role: str) -> set[int]:
        """The pids of the children with this role."""
        return {member.pid for member in family(self.process.pid) if member.role == role}


@contextlib.contextmanager
def sufferer(lab: Lab, wrap: Sequence[str] = (), output: int | None = None) -> Iterator[Sufferer]:
    """`headgate serve` behind the command `wrap`, printing to the descriptor `output`; ready."""
    place = lab.place()
    config, state = place / "headgate.yaml", place / "state"
    config.write_text(SERVED)
    state.mkdir()
    port, admin_port = free_ports(2)
    command = [sys.executable, "-P", "-m", "gateway.cli.main", "serve", "--config", str(config)]
    command += ["--port", str(port), "--admin-port", str(admin_port), "--workers", "2"]
    wrap = [str(state) if part == "STATE" else part for part in wrap]
    process = subprocess.Popen(
        [*wrap, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={**os.environ, "HEADGATE_STATE": str(state)},
    )
    gateway = Sufferer(process, config, port, admin_port)
    try:
        gateway.wait_until(gateway.ready)
        yield gateway
    finally:
        if process.poll() is None:
            process.kill()  # its children leave with it
        process.wait()


def disk_full(lab: Lab) -> Figures:
    """The disk with state and log has no byte left."""
    wrap = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"]
    if not shutil.which("unshare") or subprocess.run([*wrap[:4], "true"], capture_output=True).returncode:
        raise Skipped("a disk to fill takes user namespaces, which are switched off here")
    with sufferer(lab, [*wrap, DISK, "STATE"]) as gateway:
        disk = Path(f"/proc/{gateway.process.pid}/root{gateway.config.parent}/state")
        filler = disk / "filler"
        fill(filler)
        room = os.statvfs(disk)
        handle = gateway.post(CHAT, chat("good")).headers["x-request-id"]
        full = report(gateway, handle)
        filler.unlink()
        gateway.wait_until(lambda: report(gateway, handle) == 200)
        fill(filler)
        return [
            Figure("bytes free", room.f_bavail * room.f_frsize, at_most=0),
            Figure("an outcome meanwhile: status", full, at_least=503, at_most=503),
            *endure(gateway, short=lab.short),
        ]


def report(gateway: Sufferer, handle: str) -> int:
    """The status with which an outcome is taken, or not."""
    return gateway.post("/v1/outcomes", {"request_id": handle, "validation_passed": True}).status


def fill(filler: Path) -> None:
    """Leaves no room on a disk."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def output_blocked(lab: Lab) -> Figures:
    """Standard output and error are a pipe that is full before the start, and that nobody reads."""
    reading, writing = os.pipe()
    try:
        flags = fcntl.fcntl(writing, fcntl.F_GETFL)
        fcntl.fcntl(writing, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, bytes(4096)):
                pass
        fcntl.fcntl(writing, fcntl.F_SETFL, flags)
        with sufferer(lab, output=writing) as gateway:
            return endure(gateway, short=lab.short)
    finally:
        os.close(reading)
        os.close(writing)


def endure(gateway: Sufferer, *, short: bool) -> Figures:
    """Clients ask all the while that there is trouble; then the gateway is told to leave."""
    at_once = 2 if short else 16
    told = run(meanwhile(gateway.port, raw_chat("good"), lambda: trouble(gateway, short=short), at_once))
    gateway.process.send_signal(signal.SIGTERM)
    signalled = monotonic()
    status = gateway.process.wait(PATIENCE)
    return [
        none("failures", [one for one in told if not one.good]),
        Figure("of requests", len(told)),
        Figure("ended after", monotonic() - signalled, "s"),
        Figure("exit status", status, at_most=0),
    ]


def trouble(gateway: Sufferer, *, short: bool) -> None:
    """A killed child, an edit, a roll: work for disk and log. Fails when the gateway does not get over it."""
    (control,) = gateway.members("control plane")
    os.kill(control, signal.SIGKILL)
    gateway.wait_until(lambda: bool(gateway.members("control plane") - {control}) and gateway.ready())
    if short:
        return
    gateway.config.write_text(SERVED + EDIT)
    gateway.wait_until(lambda: b'"more"' in gateway.get("/v1/models").body)
    workers = gateway.members("worker")
    gateway.process.send_signal(signal.SIGUSR1)
    gateway.wait_until(lambda: not workers & gateway.members("worker"))


ROWS = (
    Row(
        "disk-full",
        "the disk with state and log is full",
        "serving goes on, also through restarts: failures 0; outcomes 503 until there is room",
        disk_full,
    ),
    Row(
        "output-blocked",
        "standard output and error are blocked",
        "serving goes on, also through restarts: failures 0",
        output_blocked,
    ),
)
