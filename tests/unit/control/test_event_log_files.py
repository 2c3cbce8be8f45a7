from __future__ import annotations

import asyncio
import errno
import os
import resource
import stat
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.event_log import segments as files
from gateway.control.event_log.frames import frame, whole
from tests.support.event_log import NOON, Clock, Log, requests, segments

DAY = 86_400.0
HOUR = 3_600.0


def finished(path: Path) -> bool:
    """Whether a segment is read-only."""
    return not path.stat().st_mode & stat.S_IWUSR


def write(directory: Path, *numbers: int, clock: Clock | None = None, **capture: Any) -> Log:
    """Writes one batch with a log of its own."""
    log = Log(directory, clock, **capture)

    async def scenario() -> None:
        await log.write(*numbers)
        await log.close()

    asyncio.run(scenario())
    return log


def drive(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


# ── rotation ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_segment_begins_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SEGMENT", 600)

    async def scenario() -> None:
        log = Log(tmp_path)
        for number in range(6):
            await log.write(number)
        await log.close()

    drive(scenario)
    found = segments(tmp_path)
    assert len(found) > 1
    assert [path.name[-16:-10] for path in found] == [f"{number:06d}" for number in range(1, len(found) + 1)]
    assert [finished(path) for path in found] == [True] * (len(found) - 1) + [False]
    assert requests(tmp_path) == list(range(6))


def test_a_new_segment_begins_by_day(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = Clock(NOON)
        log = Log(tmp_path, clock)
        for number, now in enumerate((NOON, NOON + 11.9 * HOUR, NOON + 12 * HOUR, NOON + 13 * HOUR)):
            clock.now = now
            await log.write(number)
        await log.close()

    drive(scenario)
    assert [path.name for path in segments(tmp_path)] == [
        "2026-11-21T12-00-00Z-000001.jsonl.zst", "2026-11-22T00-00-00Z-000002.jsonl.zst",
    ]  # fmt: skip


def test_the_next_process_goes_on_with_the_same_segment(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    assert len(segments(tmp_path)) == 1
    assert requests(tmp_path) == [1, 2]


def test_on_the_next_day_it_finishes_the_segment_and_begins_another(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, clock=Clock(NOON + DAY))
    first, second = segments(tmp_path)
    assert finished(first) and not finished(second)


def test_directory_and_files_are_the_gateways_own(tmp_path: Path) -> None:
    write(tmp_path / "log", 1)
    (path,) = segments(tmp_path / "log")
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_gateways_write_into_one_directory(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = Log(tmp_path), Log(tmp_path)
        await asyncio.gather(*(log.write(number) for number, log in enumerate((one, other))))
        await one.write(2)
        assert len(segments(tmp_path)) == 2
        await other.close()
        third = Log(tmp_path)
        await third.write(3)
        assert len(segments(tmp_path)) == 2  # it took over what the other left, and nothing else
        await one.close()
        await third.close()

    drive(scenario)
    assert sorted(requests(tmp_path)) == [0, 1, 2, 3]


# ── retention and cap ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_too_old_is_deleted_even_when_nothing_comes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    clock = Clock()

    async def scenario() -> None:
        log = Log(tmp_path, clock, retention="3d")
        await log.write(1)
        clock.now += DAY
        await log.write(2)
        clock.now = NOON + 3 * DAY + 0.2 * DAY
        await log.write()
        assert requests_of(tmp_path) == [1, 2]
        clock.now = NOON + 3 * DAY + 0.4 * DAY  # the retention and a tenth
        await log.write()
        assert requests_of(tmp_path) == [2]
        clock.now = NOON + 9 * DAY
        await log.write()
        assert requests_of(tmp_path) == []
        await log.close()

    drive(scenario)
    assert (tmp_path / "notes.txt").exists()


def requests_of(directory: Path) -> list[int]:
    """As `requests`, among files that are none of ours."""
    parts = [requests_in(path) for path in sorted(directory.glob("*.zst"))]
    return [number for part in parts for number in part]


def requests_in(path: Path) -> list[int]:
    """The requests of one segment."""
    alone = path.parent.parent / "alone"
    alone.mkdir(exist_ok=True)
    (alone / path.name).write_bytes(path.read_bytes())
    found = requests(alone)
    (alone / path.name).unlink()
    return found


def test_beyond_the_cap_the_oldest_are_deleted(tmp_path: Path) -> None:
    cap = 8 * 1024

    async def scenario() -> None:
        log = Log(tmp_path, max_size="8KiB")
        for number in range(200):
            await log.write(number)
            assert sum(path.stat().st_size for path in segments(tmp_path)) <= cap
        assert not log.lost
        await log.close()

    drive(scenario)
    kept = requests(tmp_path)
    assert kept == list(range(kept[0], 200))
    assert sum(path.stat().st_size for path in segments(tmp_path)) > cap / 2


def test_files_of_other_names_stay(tmp_path: Path) -> None:
    others = ["notes.jsonl.zst", "2026-02-31T00-00-00Z-000001.jsonl.zst"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    write(tmp_path, 1, clock=Clock(NOON + 1000 * DAY), max_size="1KiB")
    assert {path.name for path in segments(tmp_path)} > set(others)


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("torn", [1, 3, 8, 60, -1, "zeros", "garbled"])
def test_a_torn_frame_is_cut_off_at_the_next_start(
    tmp_path: Path, torn: int | str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 1)
    (path,) = segments(tmp_path)
    good = path.read_bytes()
    if torn == "zeros":  # what a file system may leave after a loss of power
        path.write_bytes(good + bytes(500))
    elif torn == "garbled":
        path.write_bytes(good + good[:-6] + bytes(6))
    else:
        path.write_bytes(good + good[:torn])
    log = Log(tmp_path)

    async def start() -> None:
        await log.flush()
        assert path.read_bytes() == good
        await log.write(2)
        await log.close()

    drive(start)
    assert requests(tmp_path) == [1, 2]
    assert "torn by a crash" in caplog.text


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.data())
def test_whole_frames_are_told_from_torn_ones(batches: list[bytes], data: st.DataObject) -> None:
    frames = [frame(batch) for batch in batches]
    written = b"".join(frames)
    cut = data.draw(st.integers(0, len(written)))
    ends = [sum(map(len, frames[:count])) for count in range(len(frames) + 1)]
    assert whole(written[:cut]) == max(end for end in ends if end <= cut)


def test_damage_that_no_crash_explains_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "TORN", 100)
    write(tmp_path, 1)
    (path,) = segments(tmp_path)
    damaged = path.read_bytes() + bytes(500)
    path.write_bytes(damaged)
    write(tmp_path, 2)
    assert path.read_bytes() == damaged and finished(path)
    assert len(segments(tmp_path)) == 2
    assert "cannot be read behind its byte" in caplog.text


def test_a_segment_that_cannot_be_mended_does_not_keep_events_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(data: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    write(tmp_path, 1)
    monkeypatch.setattr(files, "whole", fails)
    assert not write(tmp_path, 2).lost
    assert len(segments(tmp_path)) == 2
    assert "cannot be mended" in caplog.text


# ── a disk that fails ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Sets how large a file may become, as a full disk does: what is beyond it is not written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size if size >= 0 else soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_events_counts_them_and_says_so_once(
    tmp_path: Path, limit: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def scenario() -> None:
        log = Log(tmp_path)
        await log.write(1, 2)
        limit(segments(tmp_path)[0].stat().st_size + 100)
        await log.write(3, 4, 5)
        await log.write(6)
        assert log.lost == 4
        assert requests(tmp_path) == [1, 2]  # nothing torn is left behind
        limit(-1)
        await log.write(7)
        await log.close()
        assert log.lost == 4

    drive(scenario)
    assert requests(tmp_path) == [1, 2, 7]
    first, last = caplog.messages
    assert "loses events: [Errno 27]" in first
    assert last == "the event log is written again; 4 events were lost"


def test_a_frame_that_cannot_be_taken_back_is_cut_off_when_it_is_found(
    tmp_path: Path, limit: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(file: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    clock = Clock()

    async def scenario() -> None:
        log = Log(tmp_path, clock)
        await log.write(1)
        limit(segments(tmp_path)[0].stat().st_size + 100)
        with monkeypatch.context() as patched:
            patched.setattr(os, "ftruncate", fails)
            await log.write(2)
        limit(-1)
        await log.write(3)
        assert len(segments(tmp_path)) == 2
        clock.now += 61
        await log.write(4)
        await log.close()

    drive(scenario)
    assert requests(tmp_path) == [1, 3, 4]


def test_some_of_the_disk_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs(tmp_path)
    monkeypatch.setattr(files, "RESERVE", disk.f_blocks * disk.f_frsize)
    monkeypatch.setattr(files, "SHARE", 1)
    assert write(tmp_path / "log", 1).lost == 1
    assert segments(tmp_path / "log") == []


def test_a_directory_that_cannot_be_made_loses_events_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log").write_text("a file is in the way")
    assert write(tmp_path / "log", 1, 2).lost == 2
    assert "cannot be looked after" in caplog.text
    (tmp_path / "log").unlink()
    assert not write(tmp_path / "log", 3).lost


@pytest.mark.parametrize("moved", [False, True])
def test_after_its_file_was_taken_away_it_begins_another(tmp_path: Path, moved: bool) -> None:
    async def scenario() -> None:
        log = Log(tmp_path)
        await log.write(1)
        (path,) = segments(tmp_path)
        path.rename(tmp_path.parent / path.name) if moved else path.unlink()
        await log.write(2)
        await log.close()

    drive(scenario)
    assert requests(tmp_path) == [2]


def test_when_its_directory_was_deleted_it_makes_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = Log(tmp_path / "log")
        await log.write(1)
        (tmp_path / "log").rename(tmp_path / "moved")
        await log.write(2)
        await log.close()

    drive(scenario)
    assert requests(tmp_path / "log") == [2]
    assert requests(tmp_path / "moved") == [1]
