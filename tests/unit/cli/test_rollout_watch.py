"""`headgate rollout get -w`: in a terminal, in a pipe, and through a gateway's absence."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from rich.console import Console

from gateway.cli.rollout.admin import Admin, Name
from gateway.cli.rollout.watch import Cropped, Watcher, changes, view
from tests.support.admin import AdminPort, admin_port
from tests.support.rollouts import HISTORY, LEAST

PATIENCE = 60.0
COMMAND = [sys.executable, "-P", "-m", "gateway.cli.main", "rollout", "get", "solver/hard", "-w"]
HARD = Name("solver", "hard")
ROLLED_BACK = LEAST | {"phase": "rolled_back", "phase_reason": "harm", "weight": 0.0, "revision": 18}
ENTRY = HISTORY[-1] | {"revision": 18}


@pytest.fixture
def port() -> Iterator[AdminPort]:
    with admin_port() as port:
        port.readings["solver/hard"] = LEAST
        port.histories["solver/hard"] = HISTORY[:1]
        yield port


class Shown:
    """What a process writes to `descriptor`, as it comes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.content = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                block = os.read(self._descriptor, 65_536)
            except OSError:
                return
            if not block:
                return
            self.content += block

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def wait_for(self, condition: Callable[[str], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition(self.text):
            assert time.monotonic() < end, self.text
            time.sleep(0.02)

    def close(self) -> None:
        self._reader.join(PATIENCE)
        os.close(self._descriptor)


@contextmanager
def watching(
    port: AdminPort, *options: str, terminal: bool
) -> Iterator[tuple[subprocess.Popen[bytes], Shown]]:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    environment = {**os.environ, "HEADGATE_ADMIN_URL": port.url, "TERM": "xterm-256color", "COLUMNS": "90"}
    process = subprocess.Popen(
        [*COMMAND, *options], stdin=theirs if terminal else subprocess.DEVNULL, stdout=theirs,
        stderr=theirs if terminal else subprocess.PIPE, env=environment | {"LINES": "40"},
    )  # fmt: skip
    os.close(theirs)
    shown = Shown(ours)
    try:
        yield process, shown
    finally:
        process.kill()
        process.communicate()
        shown.close()


def leave(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT) -> None:
    process.send_signal(number)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaint or b"") == (0, b"")


def test_one_story_in_a_terminal_in_a_pipe_and_as_json(port: AdminPort) -> None:
    """Side by side, because each look takes a second."""
    with (
        watching(port, terminal=True) as (on_screen, screen),
        watching(port, terminal=False) as (in_lines, lines),
        watching(port, "--json", terminal=False) as (as_json, readings),
    ):
        screen.wait_for(lambda text: "5,400" in text and "Ctrl-C leaves" in text)
        lines.wait_for(lambda text: text.count("\n") == 1)
        readings.wait_for(lambda text: text.count("\n") == 1)
        port.histories["solver/hard"], port.readings["solver/hard"] = [*HISTORY[:1], ENTRY], ROLLED_BACK
        screen.wait_for(lambda text: "rolled back" in text and "not authentic" in text)
        lines.wait_for(lambda text: text.count("\n") == 2)
        readings.wait_for(lambda text: text.count("\n") == 2)
        port.stop()
        screen.wait_for(lambda text: "no answer since" in text)
        lines.wait_for(lambda text: "no answer: cannot ask the gateway at" in text)
        before = len(screen.text)
        port.start()
        screen.wait_for(lambda text: "Ctrl-C leaves" in text[before:])
        lines.wait_for(lambda text: "the gateway answers again" in text)
        leave(on_screen)
        leave(in_lines, signal.SIGTERM)
        leave(as_json)
    entered, left = screen.text.find("\x1b[?1049h"), screen.text.find("\x1b[?1049l")
    assert 0 <= entered < left
    assert "solver/hard rolled back (harm) at 0 %" in screen.text[left:]
    assert "Traceback" not in screen.text
    first, moved, _, _ = lines.text.splitlines()
    assert "solver/hard running at 10 %, stage 1 of 3; inconclusive, hold" in first
    assert "running → rolled back at 0 % (harm, by headgate)" in moved and "\x1b" not in lines.text
    assert [json.loads(line) for line in readings.text.splitlines()] == [LEAST, ROLLED_BACK]


def watcher(port: AdminPort) -> Watcher:
    return Watcher(Admin(port.url), HARD)


def test_what_is_new_is_told_once(port: AdminPort) -> None:
    looks = watcher(port)
    assert looks.look().new == []
    port.readings["solver/hard"], port.histories["solver/hard"] = ROLLED_BACK, [*HISTORY[:1], ENTRY]
    assert list(looks.look().new) == [ENTRY]
    assert looks.look().new == []


def test_what_happened_while_the_store_was_away_is_told_later(port: AdminPort) -> None:
    looks = watcher(port)
    looks.look()
    answer = port.answer
    port.readings["solver/hard"], port.histories["solver/hard"] = ROLLED_BACK, [ENTRY]

    def without(method: str, path: str, body: Any) -> tuple[int, Any]:
        if path.endswith("/history"):
            return 503, {"error": {"message": "away", "code": "store_unavailable"}}
        return answer(method, path, body)

    port.answer = without  # type: ignore[method-assign]
    seen = looks.look()
    assert (seen.reading, seen.new, seen.lost) == (ROLLED_BACK, [], "")
    port.answer = answer  # type: ignore[method-assign]
    assert list(looks.look().new) == [ENTRY]


def test_only_the_first_look_has_to_succeed(port: AdminPort) -> None:
    port.refusal = 403, "insufficient_scope", "no"
    with pytest.raises(click.ClickException, match="no"):
        watcher(port).look()
    port.refusal = None
    looks = watcher(port)
    first = looks.look()
    port.refusal = 500, "", "The control plane failed to answer."
    lost = looks.look()
    assert (lost.reading, lost.at, lost.lost) == (first.reading, first.at, port.refusal[2])
    assert list(changes(first, lost)) == ["no answer: The control plane failed to answer."]
    assert list(changes(lost, lost)) == []


def test_what_waits_for_a_person_is_told(port: AdminPort) -> None:
    looks = watcher(port)
    before = looks.look()
    port.readings["solver/hard"] = LEAST | {"recommendation": "promote"}
    wanted = looks.look()
    assert list(changes(before, wanted)) == ["promote is recommended and waits for you"]
    port.readings["solver/hard"] = LEAST | {"phase": "promoted", "settle": {"text": "in …"}}
    assert list(changes(wanted, looks.look())) == ["promoted; the configuration does not say so yet"]


@pytest.mark.parametrize("height", [8, 24, 60])
def test_the_view_fits_the_screen(port: AdminPort, height: int) -> None:
    seen = watcher(port).look()
    file = io.StringIO()
    console = Console(width=80, height=height, file=file, highlight=False)
    console.print(Cropped(view(seen, datetime.now(UTC), "")), end="")
    lines = file.getvalue().splitlines()
    assert len(lines) <= height
    assert ("more lines in a taller window" in lines[-1]) == (height < 20)
