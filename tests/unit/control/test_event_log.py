from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from config.server import Capture
from gateway.channel.outcomes import Reported
from gateway.control.event_log import event_log
from gateway.control.event_log.events import LARGEST, Content, Place
from tests.support.event_log import NOON, Clock, Log, events, exposure, requests, segments, text_of

CANARY = "canary-5f1e"
PROMPT = [{"role": "user", "content": f"My name is {CANARY}."}]


def run(log: Log) -> Log:
    """Writes what was added and closes the log."""
    asyncio.run(log.close())
    return log


def test_an_exposure_is_written_as_the_admin_api_names_it(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.expose(exposure(7))
    log.expose(exposure(8, cost=-1.0, first_token=0.0), weight=0)
    run(log)
    first, second = events(tmp_path / "log")
    assert first == {
        "type": "exposure", "request": f"{7:024x}", "time": "2026-11-21T12:00:00.000+00:00",
        "application": "judge", "route": "solver", "segment": "hard", "variant": "tuned", "served": "tuned",
        "reason": "rollout", "probability": 0.1, "epoch": 3, "period": 1, "reference": 0,
        "compared": "compared", "stratum": "ge2800", "unit": "00000000000000ab", "status": "ok",
        "duration": 1.25, "first_token": 0.5, "attempts": 1, "input": 100, "cached_input": 20, "output": 30,
        "reasoning": 4, "cost": 0.002, "items": 2, "wants_outcome": True, "endpoint": "chat",
    }  # fmt: skip
    assert (second["probability"], second["cost"], second["first_token"]) == (None, None, None)
    assert segments(tmp_path / "log")[0].name == "2026-11-21T12-00-00Z-000001.jsonl.zst"
    assert not log.lost


def test_an_outcome_is_written_with_what_became_of_it(tmp_path: Path) -> None:
    log = Log(tmp_path)
    report = Reported("an id", validation_passed=False, score=0.5, reason="wrong_answer")
    place = Place("judge", "solver", "hard", "tuned")
    log.outcome(bytes(12), NOON + 1, "application", report, "recorded", place)
    log.outcome(bytes(12), NOON + 2, "gateway", Reported("an id", needs_review=True, items=3), "duplicate")
    run(log)
    first, second = events(tmp_path)
    assert first == {
        "type": "outcome", "request": "0" * 24, "time": "2026-11-21T12:00:01.000+00:00",
        "application": "judge", "route": "solver", "segment": "hard", "variant": "tuned",
        "source": "application", "status": "recorded", "validation_passed": False, "needs_review": None,
        "score": 0.5, "items": None, "reason": "wrong_answer",
    }  # fmt: skip
    assert (second["route"], second["needs_review"], second["items"]) == (None, True, 3)


def test_without_content_nothing_of_it_is_in_any_file(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.expose(exposure(), content=Content(PROMPT, CANARY))
    run(log)
    (path,) = segments(tmp_path)
    assert CANARY not in text_of(path)
    assert not {"prompt", "answer"} & set(events(tmp_path)[0])


def test_with_content_prompt_and_answer_are_texts(tmp_path: Path) -> None:
    log = Log(tmp_path, content=True)
    log.expose(exposure(), content=Content(PROMPT, "안녕\u2028하세요"))
    log.expose(exposure())
    log.expose(exposure(), content=Content("a completion's prompt", None))
    run(log)
    first, second, third = events(tmp_path)
    assert first["prompt"] == '[{"role":"user","content":"My name is canary-5f1e."}]'
    assert first["answer"] == "안녕\u2028하세요"
    assert (second["prompt"], second["answer"]) == (None, None)
    assert (third["prompt"], third["answer"]) == ("a completion's prompt", None)


@pytest.mark.parametrize("content", ["a" * (LARGEST + 1), ["각" * (LARGEST // 2)]], ids=["text", "value"])
def test_content_that_is_too_large_is_left_out(tmp_path: Path, content: object) -> None:
    log = Log(tmp_path, content=True)
    log.expose(exposure(), content=Content(content, "an answer"))
    run(log)
    assert (events(tmp_path)[0]["prompt"], events(tmp_path)[0]["answer"]) == (None, "an answer")


def test_content_that_is_nested_without_end_is_left_out(tmp_path: Path) -> None:
    log = Log(tmp_path, content=True, redact=["a"])
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    log.expose(exposure(), content=Content(deep, "b"))
    run(log)
    assert (events(tmp_path)[0]["prompt"], events(tmp_path)[0]["answer"]) == (None, "b")


def test_what_is_to_be_redacted_is_in_no_file(tmp_path: Path) -> None:
    log = Log(tmp_path, content=True, redact=["canary-[0-9a-f]+", r"\b4\d{15}\b"])
    prompt = {CANARY: [f"<{CANARY}>", 4111111111111111, 4.5, True, None], "of": ("a", 2)}
    log.expose(exposure(), content=Content(prompt, f"Dear {CANARY}, {CANARY}"))
    report = Reported("an id", validation_passed=True, reason=f"{CANARY} was unhappy")
    log.outcome(bytes(12), NOON, "application", report, "recorded")
    run(log)
    (path,) = segments(tmp_path)
    assert CANARY not in text_of(path) and "4111" not in text_of(path)
    exposed, reported = events(tmp_path)
    assert exposed["prompt"] == '{"[redacted]":["<[redacted]>","[redacted]",4.5,true,null],"of":["a",2]}'
    assert exposed["answer"] == "Dear [redacted], [redacted]"
    assert reported["reason"] == "[redacted] was unhappy"


def test_a_reload_changes_what_is_captured(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.expose(exposure(), content=Content(PROMPT, "one"))
    log.take(Capture(content=True, redact=("two",)))
    log.expose(exposure(), content=Content(PROMPT, "two three"))
    run(log)
    first, second = events(tmp_path)
    assert "answer" not in first
    assert second["answer"] == "[redacted] three"


def test_it_writes_by_itself_and_at_once_when_there_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "PAUSE", 3600.0)
    monkeypatch.setattr(event_log, "BATCH", 1000)

    async def scenario() -> None:
        log = Log(tmp_path)
        keeping = asyncio.create_task(log.keep_up())
        await asyncio.sleep(0)
        for number in range(3):
            log.expose(exposure(number))
        while not segments(tmp_path):
            await asyncio.sleep(0.01)
        keeping.cancel()
        log.expose(exposure(3))
        await log.close()

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert requests(tmp_path) == [0, 1, 2, 3]


def test_it_writes_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "PAUSE", 0.01)

    async def scenario() -> None:
        log = Log(tmp_path)
        keeping = asyncio.create_task(log.keep_up())
        await asyncio.sleep(0.05)
        assert not segments(tmp_path)
        log.expose(exposure(1))
        while not segments(tmp_path):
            await asyncio.sleep(0.01)
        keeping.cancel()
        await log.close()

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert requests(tmp_path) == [1]


def test_a_batch_is_readable_while_the_segment_grows(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = Log(tmp_path)
        for number in range(3):
            await log.write(number)
            assert requests(tmp_path) == list(range(number + 1))
        await log.close()

    asyncio.run(scenario())
    assert len(segments(tmp_path)) == 1


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs the zstd command")
def test_the_zstd_command_reads_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = Log(tmp_path)
        await log.write(1, 2)
        await log.write(3)
        await log.close()

    asyncio.run(scenario())
    (path,) = segments(tmp_path)
    done = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True, timeout=60)
    assert done.stdout.decode() == text_of(path)


def test_more_than_may_be_held_is_lost_counted_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        log = Log(tmp_path, Clock(), held=2100)
        for number in range(10):
            log.expose(exposure(number))
        assert log.lost == 5
        await log.write()
        await log.write(10)
        await log.close()

    asyncio.run(scenario())
    assert requests(tmp_path) == [0, 1, 2, 3, 4, 10]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "the disk is too slow" in caplog.text
