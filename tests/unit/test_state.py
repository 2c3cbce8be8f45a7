"""The state directory: its secrets are made once, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from gateway.state import open_state


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
