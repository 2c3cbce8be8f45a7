"""The state directory: its secrets are made once, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gateway.state import MOST, Unusable, open_state, take_replica


def test_gateways_that_start_together_agree(tmp_path):
    together = Barrier(8)

    def start(_: int) -> tuple[bytes, bytes]:
        together.wait()
        state = open_state(tmp_path / "state")
        return state.signing_key, state.unit_key

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(start, range(8)))
    assert len(keys) == 1
    assert sorted(one.name for one in (tmp_path / "state" / "keys").iterdir()) == ["signing.key", "unit.key"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in (tmp_path / "state" / "keys").iterdir())


def test_gateways_on_one_directory_are_replicas_of_their_own(tmp_path):
    open_state(tmp_path)
    names = [take_replica(tmp_path) for _ in range(MOST)]
    assert len(set(names)) == MOST
    assert {name.partition("-")[0] for name in names} == {names[0].partition("-")[0]}
    with pytest.raises(Unusable, match=f"{MOST} gateways are using this state directory"):
        take_replica(tmp_path)


def test_a_directory_that_cannot_be_locked_is_refused(tmp_path):
    open_state(tmp_path)
    (tmp_path / "replicas").write_text("")
    with pytest.raises(Unusable, match="cannot write to the state directory"):
        take_replica(tmp_path)
