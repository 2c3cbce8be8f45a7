"""When a store was first used: the same for every replica, until it has lost everything."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from pathlib import Path

import pytest

from gateway.control import standing
from gateway.control.metrics import Metrics
from gateway.control.standing import Watcher
from gateway.control.terms import AllTerms
from gateway.store.base import Store
from tests.support.place import Place, run, until
from tests.support.valkey import Server

NOTHING = AllTerms({}, {}, {})


def shown(metrics: Metrics) -> float | None:
    """What Prometheus sees."""
    found = re.search(rb"^headgate_store_initialized_timestamp_seconds (\S+)$", metrics.render("")[0], re.M)
    return float(found[1]) if found else None


@contextlib.asynccontextmanager
async def watching(store: Store):
    """Metrics that are kept up to date with the store."""
    metrics = Metrics("1")
    task = asyncio.create_task(Watcher(store, metrics, NOTHING).watch())
    try:
        yield metrics
    finally:
        task.cancel()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "LOOK", 0.05)


def test_every_replica_shows_the_same_time(place: Place) -> None:
    async def test(one: Store, other: Store) -> None:
        began = time.time()
        async with watching(one) as first:
            await until(lambda: shown(first) is not None)
            async with watching(other) as second:
                await until(lambda: shown(second) is not None)
                assert shown(first) == shown(second)
        told = shown(first)
        assert told is not None and began - 0.01 <= told <= time.time()

    run(test, place, place)


def test_one_that_comes_back_empty_has_a_new_time(own: Server, tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        async with watching(store) as metrics:
            await until(lambda: shown(metrics) is not None)
            before = shown(metrics)
            own.kill()
            await until(lambda: shown(metrics) == before)
            own.start()
            await until(lambda: shown(metrics) != before)

    run(test, Place(own.url, tmp_path))
