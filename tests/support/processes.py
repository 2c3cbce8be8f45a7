"""What tests of the processes need beside a running gateway: children to kill, starts that are refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.gateway import Gateway

WORKER = "gateway.data.worker"
CONTROL = "gateway.control.main"
ENDED = 60.0
"""Seconds after which a process that should have ended fails the test."""

SERVED = """
server:
  lame_duck: 0s
  drain: 20s
upstreams:
  sim: {provider: simulated, latency: 0s, tokens_per_second: 0}
routes:
  solver:
    variants:
      tuned: {upstream: sim, model: tuned, price: {input: 2, output: 4}}
      base: {upstream: sim, model: base, price: {input: 1, output: 2}}
    rollout: {baseline: base, candidate: tuned, stages: [10, 50, 100]}
"""
"""A configuration that needs nothing else: a rollout on a simulated upstream, no keys."""

CHAT = "/v1/chat/completions"


def body(**fields: object) -> dict[str, object]:
    """A chat completion for `SERVED`."""
    return {"model": "solver", "messages": [{"role": "user", "content": "hi"}], **fields}


def write(directory: Path, text: str = SERVED) -> Path:
    """The configuration file in `directory`, holding `text`."""
    path = directory / "headgate.yaml"
    put(path, text)
    return path


def put(path: Path, text: str) -> None:
    """Writes a file as editors do: whoever looks meanwhile finds the old text, never half of the new."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    os.replace(beside, path)


def kill(gateway: Gateway, module: str, index: int = 0) -> None:
    """Kills a child with SIGKILL and waits until another process has taken its place."""
    gateway.wait_until(lambda: gateway.get("/health/ready", port=gateway.admin_port).status == 200)
    before = sorted(gateway.children(module))
    os.kill(before[index], signal.SIGKILL)
    gateway.wait_until(lambda: _back(gateway, module, before))


def _back(gateway: Gateway, module: str, before: Sequence[int]) -> bool:
    new = set(gateway.children(module)) - set(before)
    return any(entry.get("event") == "restarted" and entry["pid"] in new for entry in list(gateway.log))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def headgate(
    *arguments: str, directory: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "gateway.cli.main", *arguments], cwd=directory, text=True,
        env=environment(environ), capture_output=True, stdin=subprocess.DEVNULL, timeout=ENDED,
    )  # fmt: skip


def refusal(*options: str, directory: Path, environ: Mapping[str, str] | None = None) -> str:
    """The one line on stderr with which `headgate serve` refuses to start."""
    done = headgate("serve", *options, directory=directory, environ=environ)
    assert done.returncode == 1, done.stderr
    lines: Sequence[str] = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """The environment without what would configure the gateway, and `more`."""
    ours = ("HEADGATE_", "OPENAI_", "GEMINI_", "DEFAULT_LLM_SERVICE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | dict(more or {})
