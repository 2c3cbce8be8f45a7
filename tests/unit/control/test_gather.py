"""What waits for the store when there is no more room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.channel.records import Exposure
from gateway.control import gather
from gateway.control.gather import Gathering
from gateway.control.terms import Terms
from gateway.store.base import Store
from tests.support.event_log import exposure, line
from tests.support.place import ROLLOUT, Place, run

UNITS = 4
NOTHING: Any = None


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
