"""`headgate demo` from its start to its clean end, as somebody sees it who types it."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_ports

PATIENCE = 60.0
COMMAND = [sys.executable, "-P", "-m", "gateway.cli.main", "demo"]


def demo(*options: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_so_many_requests_and_a_summary() -> None:
    port, admin_port = free_ports(2)
    options = ["--requests", "100", "--speed", "2", "--json"]
    # In memory where that can be: on a disk that stands still reports of outcomes fail, and are counted.
    memory = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}
    ports = ["--port", str(port), "--admin-port", str(admin_port)]
    with demo(*options, *ports, env=os.environ | memory) as process:
        out, complaint = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaint) == (0, "")
    summary = json.loads(out)
    rows = {(row["segment"], row["variant"]): row for row in summary["variants"]}
    assert set(rows) == {("hard", "tuned"), ("hard", "base"), ("ordinary", "gemini")}
    assert summary["requests"] == 100 == sum(row["requests"] for row in rows.values())
    assert summary["errors"] == sum(row["errors"] for row in rows.values()) <= 10  # reports at a busy moment
    assert all(row["passed"] + row["failed"] + row["errors"] == row["requests"] for row in rows.values())
    gemini = rows["ordinary", "gemini"]
    assert gemini["share"] == 1.0 and gemini["passed"] > 0
    assert gemini["latency_p95"] >= gemini["latency_p50"] > 0.05
    assert gemini["cost_per_success"] >= gemini["cost_per_request"] > 0
    rollout = summary["rollout"]
    assert (rollout["phase"], rollout["weight"], rollout["settled_seconds"]) == ("running", 10.0, None)
    assert [one["cause"] for one in rollout["transitions"]] == ["started"]
    assert nobody_listens(port) and nobody_listens(admin_port)


def test_a_bad_candidate_goes_back() -> None:
    """The others, which take longer, are shown by `make demo-check`."""
    port, admin_port = free_ports(2)
    options = ["--scenario", "bad", "--speed", "2", "--until-settled", "--json"]
    with demo(*options, "--port", str(port), "--admin-port", str(admin_port)) as process:
        out, complaint = process.communicate(timeout=3 * PATIENCE)
    assert (process.returncode, complaint) == (0, "")
    summary = json.loads(out)
    rollout = summary["rollout"]
    assert (rollout["phase"], rollout["phase_reason"], rollout["weight"]) == ("rolled_back", "harm", 0.0)
    moved = rollout["transitions"]
    assert moved[0]["cause"] == "started" and moved[-1]["cause"] == "harm"
    assert moved[-1]["reasons"][0].startswith("validation_passed: the candidate is worse")
    assert 0 < moved[-1]["seconds"] == rollout["settled_seconds"] <= summary["seconds"]
    tuned, base, _ = summary["variants"]
    assert (tuned["weight"], base["weight"]) == (0.0, 100.0)
    assert tuned["pass_rate"] < base["pass_rate"] and tuned["cost_per_success"] > base["cost_per_success"]


def test_without_a_terminal_it_prints_lines_and_ends_cleanly_on_sigint() -> None:
    port, admin_port = free_ports(2)
    with demo("--scenario", "bad", "--port", str(port), "--admin-port", str(admin_port)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("headgate demo, scenario bad")
        example = "".join(process.stdout.readline() for _ in range(10))
        answer = ask(port, example)
        process.send_signal(signal.SIGINT)
        out, complaint = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaint) == (0, "")
    assert answer["model"] in ("tuned-solver", "base-solver")
    assert "requests" in out and "gemini" in out
    assert nobody_listens(port) and nobody_listens(admin_port)


def ask(port: int, example: str) -> Any:
    """Calls the gateway with the key that the printed example shows."""
    key = example.partition("Bearer ")[2].partition("'")[0]
    body = {
        "model": "solver",
        "metadata": {"rating": "2700"},
        "messages": [{"role": "user", "content": "Hi"}],
    }
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    assert url in example
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as response:
        return json.load(response)


def test_in_a_terminal_it_keeps_to_its_own_screen() -> None:
    terminal, end = pty.openpty()
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                block = os.read(terminal, 65_536)
            except OSError:
                return
            if not block:
                return
            shown.extend(block)

    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [*COMMAND, "--requests", "15", "--speed", "5"], stdin=end, stdout=end, stderr=end, env=environment
    )
    os.close(end)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        reader.join(timeout=PATIENCE)
        os.close(terminal)
    entered, left = shown.find(b"\x1b[?1049h"), shown.find(b"\x1b[?1049l")
    assert 0 <= entered < left
    assert b"call it yourself" in shown[entered:left] and b"15 requests, " in shown[entered:left]
    assert b"15 requests, " in shown[left:] and b"gemini" in shown[left:]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the gateway by /proc")
def test_a_gateway_that_goes_away_ends_the_demo() -> None:
    port, admin_port = free_ports(2)
    with demo("--port", str(port), "--admin-port", str(admin_port)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (gateway,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[:1]
        os.kill(int(gateway), signal.SIGKILL)
        _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert complaint.count("\n") == 1 and "the gateway went away" in complaint


def test_a_port_that_was_asked_for_and_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with demo("--port", str(taken.getsockname()[1])) as process:
            out, complaint = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert complaint.count("\n") == 1 and "--port" in complaint


def test_without_the_binary_prometheus_is_one_clear_line(tmp_path: Path) -> None:
    with demo("--prometheus", env={**os.environ, "PATH": str(tmp_path)}) as process:
        out, complaint = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert complaint.count("\n") == 1 and "apt-get install prometheus" in complaint


def test_a_prometheus_that_cannot_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\necho no room on the disk\nexit 1\n")
    program.chmod(0o755)
    port, admin_port = free_ports(2)
    options = ["--prometheus", "--port", str(port), "--admin-port", str(admin_port)]
    with demo(*options, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}) as process:
        _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert complaint == "Error: prometheus did not start: no room on the disk\n"
    assert nobody_listens(port) and nobody_listens(admin_port)


@pytest.mark.parametrize(
    "options",
    [["--scenario", "ugly"], ["--speed", "0"], ["--requests", "0"], ["--prometheus-port", "9090"]],
)
def test_options_that_cannot_be_are_refused(options: list[str]) -> None:
    with demo(*options) as process:
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
