"""What waits for the store when there is no more room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.channel.records import Exposure
from gateway.control import gather
from gateway.control.gather import Gathering
from gateway.control.terms import Terms
from gateway.store.base import Store, Unavailable
from tests.support.event_log import exposure, line
from tests.support.place import ROLLOUT, Place, run, unhurried

UNITS = 4
NOTHING: Any = None


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch.setattr)


def once_each(time: int) -> list[Exposure]:
    """One exposure of each unit, sealed at `time`."""
    return [exposure(100 * time + n, unit=n, sealed=time, attempts=1) for n in range(1, UNITS + 1)]


def test_what_found_no_room_is_taken_when_its_unit_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "HELD", 2)
    terms, lost = Terms(route=NOTHING, segment=NOTHING, rollout=ROLLOUT, epoch=3, depth=1), list[int]()

    async def go(store: Store) -> None:
        gathering = Gathering(store, lost.append)
        for time in (1, 2):
            gathering.add(line(), once_each(time), terms)
            await gathering.flush()
        cells = (await store.evidence(ROLLOUT, 3)).cells
        assert sum(units for cell, units in cells.items() if cell.metric == "errors") == UNITS

    run(go, Place("sqlite", tmp_path))
    assert lost == [UNITS - 2]


def test_there_is_news_until_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = Terms(route=NOTHING, segment=NOTHING, rollout=ROLLOUT, epoch=3, depth=1)

    def alone(time: int) -> list[Exposure]:
        """A request that is a unit by itself."""
        return [exposure(time, unit=time << 22, sealed=time, attempts=1)]

    async def go(store: Store) -> None:
        async def away(*_: object) -> None:
            raise Unavailable("away")

        gathering = Gathering(store, lambda count: None)
        assert not gathering.news.is_set()
        gathering.add(line(), alone(1), terms)
        with monkeypatch.context() as patched:
            patched.setattr(store, "count", away)
            with pytest.raises(Unavailable):
                await gathering.flush()
        gathering.add(line(), alone(2), terms)  # while the first is still on its way
        flushes = 0
        while gathering.news.is_set():
            await gathering.flush()
            flushes += 1
        assert flushes == 2
        cells = (await store.evidence(ROLLOUT, 3)).cells
        assert sum(units for cell, units in cells.items() if cell.metric == "errors") == 2

    run(go, Place("sqlite", tmp_path))
