from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.journal import Full, Journal


async def written(directory: Path, *entries: bytes, **options: int) -> None:
    journal = Journal(directory, **options)
    await asyncio.gather(*map(journal.append, entries))
    await journal.close()


async def everything(directory: Path, count: int, **options: int) -> list[bytes]:
    """Reads and consumes `count` entries."""
    journal = Journal(directory, **options)
    entries: list[bytes] = []
    while len(entries) < count:
        entries += await asyncio.wait_for(journal.read(), 20)
        journal.consumed()
    await journal.close()
    return entries


def test_what_was_appended_is_read_in_order(tmp_path):
    entries = [b"entry %d" % number for number in range(1000)]
    asyncio.run(written(tmp_path, *entries))
    assert asyncio.run(everything(tmp_path, 1000)) == entries


def test_what_was_consumed_is_not_read_again(tmp_path):
    async def scenario() -> list[bytes]:
        await written(tmp_path, b"one")
        await everything(tmp_path, 1)
        await written(tmp_path, b"two")
        return await everything(tmp_path, 1)

    assert asyncio.run(scenario()) == [b"two"]


def test_what_was_read_and_not_consumed_is_read_again(tmp_path):
    async def scenario() -> list[bytes]:
        journal = Journal(tmp_path)
        await journal.append(b"one")
        assert await journal.read() == [b"one"]
        await journal.close()
        return await everything(tmp_path, 1)

    assert asyncio.run(scenario()) == [b"one"]


def test_reading_waits_for_what_is_appended(tmp_path):
    async def scenario() -> None:
        journal = Journal(tmp_path)
        reading = asyncio.create_task(journal.read())
        await asyncio.sleep(0)
        assert not reading.done()
        await journal.append(b"one")
        assert await reading == [b"one"]
        await journal.close()

    asyncio.run(scenario())


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=40), st.integers(1, 400))
def test_segments_of_any_size_hold_any_entries(tmp_path_factory, entries, segment):
    directory = tmp_path_factory.mktemp("journal")

    async def scenario() -> list[bytes]:
        journal = Journal(directory, segment=segment)
        for entry in entries:
            await journal.append(entry)
        assert journal.waiting == sum(len(entry) + 8 for entry in entries)
        await journal.close()
        return await everything(directory, len(entries), segment=segment)

    assert asyncio.run(scenario()) == entries
    assert len(list(directory.glob("*.journal"))) <= 2, "consumed segments are deleted"


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_torn_entry_is_cut_off(tmp_path, cut):
    asyncio.run(written(tmp_path, b"whole"))
    asyncio.run(written(tmp_path, b"torn by a crash"))
    (segment,) = tmp_path.glob("*.journal")
    os.truncate(segment, segment.stat().st_size - cut)
    asyncio.run(written(tmp_path, b"later"))
    assert asyncio.run(everything(tmp_path, 2)) == [b"whole", b"later"]


def test_an_entry_larger_than_what_is_read_at_once(tmp_path):
    entries = [b"x" * 3_000_000, b"small"]
    asyncio.run(written(tmp_path, *entries))
    assert asyncio.run(everything(tmp_path, 2)) == entries


def test_the_bound(tmp_path):
    async def scenario() -> None:
        journal = Journal(tmp_path, bound=1000)
        await journal.append(b"x" * 900)
        with pytest.raises(Full):
            await journal.append(b"x" * 900)
        await journal.read()
        journal.consumed()
        assert journal.waiting == 0
        await journal.append(b"x" * 900)
        await journal.close()

    asyncio.run(scenario())


def test_a_damaged_segment_loses_no_later_one(tmp_path, caplog):
    asyncio.run(written(tmp_path, b"one", segment=1))
    asyncio.run(written(tmp_path, b"two", segment=1))
    first = min(tmp_path.glob("*.journal"))
    first.write_bytes(b"\xff" * first.stat().st_size)
    assert asyncio.run(everything(tmp_path, 1)) == [b"two"]
    assert "cannot be read" in caplog.text


def test_a_full_disk_is_told_and_leaves_the_journal_whole(tmp_path, monkeypatch):
    async def scenario() -> None:
        journal = Journal(tmp_path)
        await journal.append(b"one")
        pwrite = os.pwrite

        def full(file: int, data: bytes, at: int) -> int:
            if len(data) < 8:
                raise OSError(28, "No space left on device")
            return pwrite(file, data[:5], at)

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            await journal.append(b"")
        monkeypatch.undo()
        await journal.append(b"three")
        assert await journal.read() == [b"one", b"three"]
        await journal.close()

    asyncio.run(scenario())
