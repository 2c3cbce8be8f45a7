"""The controller looks at what has news, and lets what is quiet lie."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.load import parse
from gateway.control.controller import controller
from gateway.control.controller.rollouts import Rollouts
from gateway.control.metrics import Metrics
from gateway.store.sqlite import SQLiteStore
from routing.evidence.cells import Evidence
from tests.support.place import KEY, until

CONFIG = """
upstreams: {main: {provider: openai, base_url: "http://127.0.0.1:1/v1"}}
routes:
  solver:
    variants: {tuned: {upstream: main, model: a}, base: {upstream: main, model: b}}
    rollout: {baseline: base, candidate: tuned, stages: [10, 50, 100]}
"""


class Counting(SQLiteStore):
    """Counts the controller's turns, and how often it asks for evidence."""

    turns = looks = 0

    async def replicas(self):
        self.turns += 1
        return await super().replicas()

    async def evidence(self, rollout: str, epoch: int) -> Evidence:
        self.looks += 1
        return await super().evidence(rollout, epoch)


@contextlib.asynccontextmanager
async def controlled(store: Counting) -> AsyncIterator[Rollouts]:
    """What controls the rollouts of CONFIG."""

    async def met() -> None:
        """Nothing is shared here."""

    rollouts = Rollouts(store, "one", {}, Metrics("1"), lambda: None, met)
    rollouts.take(parse(CONFIG, base=Path(), environ={}).config)
    working = [asyncio.create_task(work) for work in rollouts.work()]
    try:
        yield rollouts
    finally:
        for task in working:
            task.cancel()
        await rollouts.close()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "LOOK", 0.02)
    monkeypatch.setattr(controller, "GLANCE", 1e9)


def test_without_news_nobody_asks_for_evidence(tmp_path: Path) -> None:
    async def test() -> None:
        store = Counting("sqlite", tmp_path, (KEY,))
        async with controlled(store) as rollouts:
            (name,) = await started(rollouts)
            await calm(store)
            before = store.looks
            rollouts.changed(name)
            await until(lambda: store.looks > before)
            await calm(store)
        await store.close()

    asyncio.run(test())


def test_beside_another_replica_it_looks_every_time(tmp_path: Path) -> None:
    async def test() -> None:
        store = Counting("sqlite", tmp_path, (KEY,))
        async with controlled(store) as rollouts:
            await started(rollouts)
            await calm(store)
            before = store.looks
            await store.beat("another", {"definitions": {}, "baselines": {}}, 60)
            await until(lambda: store.looks > before + 5)
        await store.close()

    asyncio.run(test())


async def started(rollouts: Rollouts) -> list[str]:
    await until(lambda: bool(rollouts.documents))
    return list(rollouts.documents)


async def calm(store: Counting) -> None:
    """Waits until ten turns have gone by without a look."""
    seen, since = store.looks, store.turns

    def quiet() -> bool:
        nonlocal seen, since
        if store.looks != seen:
            seen, since = store.looks, store.turns
        return store.turns >= since + 10

    await until(quiet)
