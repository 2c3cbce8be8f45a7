"""Where stored responses live, as the control plane keeps it, on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import gateway.control.homes as module
from gateway.control.homes import Homes
from gateway.store.base import StoreError
from gateway.store.sqlite import SQLiteStore
from tests.support.place import AMPLE, PATIENCE, unhurried

NAME, HOME = b"n" * 16, b"home"


class Keeper(Homes):
    """A keeper that counts what it loses."""

    def __init__(self, store: SQLiteStore) -> None:
        self.lost = 0
        super().__init__(store, self._lose)

    def _lose(self, count: int) -> None:
        self.lost += count


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch.setattr)
    monkeypatch.setattr(module, "PATIENCE", AMPLE)


def run(directory: Path, test: Callable[[Keeper, Keeper], Awaitable[None]]) -> None:
    """Runs a test with the keepers of two replicas on one store."""

    async def scenario() -> None:
        stores = [SQLiteStore("sqlite", directory, (b"k" * 32,)) for _ in range(2)]
        try:
            await test(*(Keeper(store) for store in stores))
        finally:
            for store in stores:
                await store.close()

    asyncio.run(scenario())


def test_a_home_comes_to_the_other_replica(tmp_path: Path) -> None:
    async def test(one: Keeper, other: Keeper) -> None:
        keeping = asyncio.create_task(one.keep_up())
        finding = asyncio.create_task(other.find(NAME))
        await asyncio.sleep(0.01)
        one.add(NAME, HOME)
        assert await finding == HOME == await one.find(NAME)
        keeping.cancel()

    run(tmp_path, test)


def test_one_may_be_asked_for_before_it_is_told(tmp_path: Path) -> None:
    async def test(one: Keeper, other: Keeper) -> None:
        finding = [asyncio.create_task(one.find(NAME)) for _ in range(3)]
        await asyncio.sleep(0.01)
        finding[0].cancel()
        one.add(NAME, HOME)
        assert [await each for each in finding[1:]] == [HOME, HOME]
        await one.flush()
        await one.flush()
        assert await other.find(NAME) == HOME

    run(tmp_path, test)


def test_what_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)

    async def test(one: Keeper, other: Keeper) -> None:
        assert await one.find(NAME) == b""

    run(tmp_path, test)


def test_a_store_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    place = tmp_path / "late"

    async def test(one: Keeper, other: Keeper) -> None:
        keeping = asyncio.create_task(one.keep_up())
        one.add(NAME, HOME)
        with pytest.raises(StoreError):
            await other.find(NAME)
        async with asyncio.timeout(PATIENCE):
            while not caplog.records:
                await asyncio.sleep(0.005)
        place.mkdir()
        one.add(b"other", HOME)
        async with asyncio.timeout(PATIENCE):
            while not await other._store.home(b"other"):
                await asyncio.sleep(0.005)
        assert await other.find(NAME) == HOME
        keeping.cancel()

    run(place, test)
    assert "cannot be written down" in caplog.text


def test_what_is_held_and_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSAVED", 2)
    monkeypatch.setattr(module, "REMEMBERED", 2)

    async def test(one: Keeper, other: Keeper) -> None:
        names = [bytes([number]) for number in range(4)]
        for name in names:
            one.add(name, HOME)
        assert one.lost == 2
        await one.flush()
        assert [await other._store.home(name) for name in names] == [None, None, HOME, HOME]

    run(tmp_path, test)
