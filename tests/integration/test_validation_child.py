"""Validation with a real child: what it judges, and that nothing it meets stops the ones after."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from gateway.validation import process, validation
from gateway.validation.child import MEMORY
from gateway.validation.validation import LARGEST_BODY, Validation
from gateway.validation.wire import Rule, Rules
from routing.validators.pieces import LARGEST
from routing.validators.verdict import Failed, Passed, Reason, Skipped
from tests.support import patient_child
from tests.support.processes import alive

JSON = Rule("json", {})
LABEL = Rule("one_of", {"values": ["spam", "ham"], "path": "$.label"})
RULES = Rules.of([JSON, LABEL])
SLOW = Rules.of([Rule("regex", {"pattern": "^(a+)+$"})])
EVIL = "a" * 60 + "b"
"""Takes the slow expression some 2^60 steps."""
GOOD = '{"label": "ham"}'
ENDED = 60.0
TIMEOUT, CRASHED = Skipped(Reason.TIMEOUT), Skipped(Reason.CRASHED)

Steps = Callable[[Validation], Awaitable[None]]


def run(steps: Steps, *, waiting: int = 256, waiting_bytes: int = LARGEST_BODY) -> None:
    async def whole() -> None:
        subject = Validation(waiting=waiting, waiting_bytes=waiting_bytes)
        try:
            await steps(subject)
        finally:
            await subject.close()

    asyncio.run(whole())


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(ENDED):
        while alive(pid):
            await asyncio.sleep(0.01)


def pid_of(subject: Validation) -> int:
    assert subject.pid is not None
    return subject.pid


def ticks(pid: int) -> int:
    """The processor time that a process has had (proc(5)), in hundredths of a second; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])


async def until_busy(pid: int) -> None:
    """Returns once a child that had nothing to do, or was just started, is at work, or has ended."""
    idle = ticks(pid)
    async with asyncio.timeout(ENDED):
        while alive(pid) and ticks(pid) < idle + 5:
            await asyncio.sleep(0.01)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that lets a check take an hour, however long the test may be held up meanwhile."""
    monkeypatch.setattr(process, "MODULE", "tests.support.patient_child")
    monkeypatch.setattr(process, "CHECK", patient_child.CHECK)


async def judges(subject: Validation) -> None:
    for _ in range(2):  # the second time the child knows the rules
        assert await subject.validate(RULES, GOOD) == Passed()
        assert await subject.validate(RULES, '{"label": "eggs"}') == Failed(Reason.NOT_IN_VALUES)
        assert await subject.validate(RULES, "spam") == Failed(Reason.NOT_JSON)
        body = json.dumps({"choices": [{"index": 0, "message": {"content": GOOD}}]})
        assert await subject.validate_answer(RULES, body.encode()) == Passed()
        event = json.dumps({"choices": [{"index": 0, "delta": {"content": GOOD}}]})
        stream = f"data: {event}\n\ndata: [DONE]\n\n".encode()
        assert await subject.validate_answer(RULES, stream) == Passed()
        assert await subject.validate_answer(RULES, b'{"error": {}}') == Skipped(Reason.NO_TEXT)


def test_answers_are_judged_by_all_of_a_routes_rules() -> None:
    run(judges)


def test_the_control_planes_loop_will_do() -> None:
    async def whole() -> None:
        subject = Validation()
        await judges(subject)
        assert await subject.validate(SLOW, EVIL) == TIMEOUT
        await judges(subject)
        await subject.close()

    uvloop.run(whole())


def test_more_routes_than_a_child_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KEYS", 2)
    rules = [Rules.of([Rule("regex", {"pattern": letter})]) for letter in "abc"]

    async def steps(subject: Validation) -> None:
        for _ in range(2):
            for one, letter in zip(rules, "abc", strict=True):
                assert await subject.validate(one, letter) == Passed()
                assert await subject.validate(one, "-") == Failed(Reason.NO_MATCH)

    run(steps)


def test_an_endless_check_is_ended_after_a_second_and_skipped() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        first, began = pid_of(subject), time.monotonic()
        verdicts = await asyncio.gather(subject.validate(SLOW, EVIL), subject.validate(RULES, GOOD))
        assert verdicts == [TIMEOUT, Passed()]
        assert time.monotonic() - began > 0.9
        assert pid_of(subject) != first and not alive(first)
        assert await subject.validate(SLOW, "aaa") == Passed()

    run(steps)


def test_a_child_that_stands_still_is_ended_too() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        first = pid_of(subject)
        os.kill(first, signal.SIGSTOP)
        assert await subject.validate(RULES, GOOD) == TIMEOUT
        assert not alive(first)
        assert await subject.validate(RULES, GOOD) == Passed()

    run(steps)


@pytest.mark.usefixtures("patient")
def test_a_child_that_dies_has_a_successor() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        os.kill(pid_of(subject), signal.SIGKILL)
        assert await subject.validate(RULES, GOOD) == CRASHED
        assert await subject.validate(RULES, GOOD) == Passed()
        checking = asyncio.create_task(subject.validate(SLOW, EVIL))
        await until_busy(pid_of(subject))
        os.kill(pid_of(subject), signal.SIGKILL)
        assert await checking == CRASHED
        assert await subject.validate(RULES, GOOD) == Passed()

    run(steps)


def test_signals_for_everybody_do_not_concern_it() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        first = pid_of(subject)
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(first, name)
        assert await subject.validate(RULES, GOOD) == Passed()
        assert pid_of(subject) == first

    run(steps)


def test_its_memory_is_bounded_and_it_leaves_no_core() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        limits = Path(f"/proc/{pid_of(subject)}/limits").read_text().splitlines()
        soft = {line[:26].strip(): line[26:].split()[0] for line in limits}
        assert soft["Max address space"] == str(MEMORY) and soft["Max core file size"] == "0"

    run(steps)


def test_a_validator_that_raises_is_told_once_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    broken = Rules.of([Rule("regex", {"pattern": "("})])

    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        first = pid_of(subject)
        for _ in range(2):
            assert await subject.validate(broken, "secret") == CRASHED
            assert await subject.validate(SLOW, "b") == Failed(Reason.NO_MATCH)
            assert await subject.validate(RULES, GOOD) == Passed()
        assert pid_of(subject) == first

    run(steps)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "a validator failed with error; such answers are skipped"
    ]
    assert "secret" not in caplog.text


def test_what_is_too_large_or_no_text_never_reaches_it() -> None:
    async def steps(subject: Validation) -> None:
        too_large = Skipped(Reason.TOO_LARGE)
        assert await subject.validate(RULES, "a" * (LARGEST + 1)) == too_large
        assert await subject.validate(RULES, "냉" * (LARGEST // 3 + 1)) == too_large
        assert await subject.validate_answer(RULES, b" " * (LARGEST_BODY + 1)) == too_large
        assert await subject.validate(RULES, "\ud800") == Skipped(Reason.NO_TEXT)
        assert subject.pid is None
        assert await subject.validate(RULES, f'"{"a" * (LARGEST - 2)}"') == Failed(Reason.NOTHING_SELECTED)
        body = json.dumps({"choices": [{"message": {"content": "a" * (LARGEST + 1)}}]}).encode()
        assert await subject.validate_answer(RULES, body) == too_large

    run(steps)


def test_what_finds_no_room_is_skipped_at_once() -> None:
    full = Skipped(Reason.QUEUE_FULL)

    async def steps(subject: Validation) -> None:
        slow = asyncio.create_task(subject.validate(SLOW, EVIL))
        while subject.pid is None:  # then it waits no more
            await asyncio.sleep(0)
        waiting = asyncio.create_task(subject.validate(RULES, GOOD))
        await asyncio.sleep(0)
        assert await subject.validate(RULES, "x" * 100) == full  # the bytes
        another = asyncio.create_task(subject.validate(RULES, GOOD))
        await asyncio.sleep(0)
        assert await subject.validate(RULES, GOOD) == full  # the number
        assert [await slow, await waiting, await another] == [TIMEOUT, Passed(), Passed()]
        assert await subject.validate(RULES, "x" * 80) == Failed(Reason.NOT_JSON)

    run(steps, waiting=2, waiting_bytes=100)


def test_nobody_waits_for_a_verdict_that_nobody_wants() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        slow = asyncio.create_task(subject.validate(SLOW, EVIL))
        await until_busy(pid_of(subject))
        unwanted = [asyncio.create_task(subject.validate(SLOW, EVIL)) for _ in range(200)]
        await asyncio.sleep(0)
        for task in unwanted:
            task.cancel()
        async with asyncio.timeout(ENDED):
            assert await subject.validate(RULES, GOOD) == Passed()
        assert await slow == TIMEOUT

    run(steps)


@pytest.mark.usefixtures("patient")
def test_closing_tells_everybody_and_ends_the_child() -> None:
    async def steps(subject: Validation) -> None:
        assert await subject.validate(RULES, GOOD) == Passed()
        first = pid_of(subject)
        tasks = [asyncio.create_task(subject.validate(SLOW, EVIL)) for _ in range(3)]
        await until_busy(first)
        await subject.close()
        assert [await task for task in tasks] == [Skipped(Reason.CLOSED)] * 3
        assert not alive(first) and subject.pid is None
        assert await subject.validate(RULES, GOOD) == Skipped(Reason.CLOSED)

    run(steps)


def test_without_an_interpreter_answers_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "PAUSE", ENDED)

    async def steps(subject: Validation) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "executable", "/nowhere/python")
            assert await subject.validate(RULES, GOOD) == Skipped(Reason.UNAVAILABLE)
        assert await subject.validate(RULES, GOOD) == Skipped(Reason.UNAVAILABLE)  # not tried again so soon

    run(steps)


def test_a_child_that_never_lives_is_not_started_for_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MODULE", "gateway.validation.nowhere")
    monkeypatch.setattr(validation, "PAUSE", ENDED)

    async def steps(subject: Validation) -> None:
        verdicts = [await subject.validate(RULES, GOOD) for _ in range(4)]
        assert verdicts == [CRASHED] * 3 + [Skipped(Reason.UNAVAILABLE)]
        monkeypatch.undo()
        loop = asyncio.get_running_loop()
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + ENDED)  # the pause is over
        assert await subject.validate(RULES, GOOD) == Passed()

    run(steps)


PARENT = """
import asyncio, sys
from gateway.validation.validation import Validation
from gateway.validation.wire import Rule, Rules

async def main():
    subject = Validation()
    await subject.validate(Rules.of([Rule("json", {})]), "1")
    print(subject.pid, flush=True)
    await subject.validate(Rules.of([Rule("regex", {"pattern": sys.argv[1]})]), sys.argv[2])
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("text", ["aaa", EVIL], ids=["idle", "busy"])
def test_it_does_not_outlive_its_parent(text: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, script, "^(a+)+$", text], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if text == EVIL:
            asyncio.run(until_busy(child))
        parent.kill()
        parent.wait()
        asyncio.run(until_gone(child))
