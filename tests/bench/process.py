"""Processes pinned to cores, and what they cost, read from /proc."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ENDING = 20.0
"""Seconds that a process has to leave after SIGTERM before it is killed."""


class Failed(Exception):
    """The benchmark cannot go on; the text is for people."""


@dataclass(frozen=True)
class Cores:
    """Which core the gateways run on, which the upstream and the load generator, and a gateway's second."""

    gateway: int
    load: int
    second: int

    @classmethod
    def of_machine(cls) -> Cores:
        """The first two cores this process may use, and a third if there is one."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise Failed("two cores are needed: one for the gateway, one for its upstream and the load")
        return cls(cores[0], cores[1], cores[2] if len(cores) > 2 else cores[1])

    def busy(self, seconds: float = 0.5) -> float:
        """The share of both cores' time that others use just now."""
        before = [_core_time(core) for core in (self.gateway, self.load)]
        time.sleep(seconds)
        after = [_core_time(core) for core in (self.gateway, self.load)]
        idle = sum(end[0] - start[0] for start, end in zip(before, after, strict=True))
        whole = sum(end[1] - start[1] for start, end in zip(before, after, strict=True))
        return 1 - idle / whole


def _core_time(core: int) -> tuple[int, int]:
    """Ticks that a core was idle, and all its ticks."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            return int(ticks[3]) + int(ticks[4]), sum(map(int, ticks[:8]))
    raise Failed(f"core {core} is not in /proc/stat")


@contextmanager
def running(
    command: Sequence[str], cores: Sequence[int], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` on `cores` as long as the block lasts; its output goes to `log`."""
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Member:
    """One process of a family: what it does there, CPU seconds since it began, resident bytes."""

    pid: int
    role: str
    cpu: float
    resident: int


ROLES = {
    "gateway.data.worker": "worker",
    "gateway.control.main": "control plane",
    "gateway.control.telemetry.child": "telemetry",
    "nginx: worker": "worker",
}
"""What a command line holds → the process's role; the family's head is the supervisor, others `other`."""


def family(head: int) -> list[Member]:
    """The process `head` and all its descendants. Raises Failed when it has ended."""
    members = []
    pending = [head]
    while pending:
        pid = pending.pop()
        try:
            members.append(_member(pid, head))
            for task in Path(f"/proc/{pid}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            if pid == head:
                raise Failed(f"process {head} has ended") from None
    return members


def _member(pid: int, head: int) -> Member:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    role = next((role for part, role in ROLES.items() if part in command), "other")
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return Member(
        pid, "supervisor" if pid == head else role, (int(fields[11]) + int(fields[12])) * TICK, resident
    )


def spent(before: Sequence[Member], after: Sequence[Member]) -> dict[int, tuple[str, float]]:
    """Per process: its role and the CPU seconds between two readings. Raises Failed if one was replaced."""
    first = {member.pid: member for member in before}
    if first.keys() != {member.pid for member in after}:
        raise Failed("a process ended or began while it was measured")
    return {member.pid: (member.role, member.cpu - first[member.pid].cpu) for member in after}
