"""The shared store on Redis as Debian ships it, which is neither the newest nor Valkey."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conformance.programs import TOOLS
from tests.support.place import Place, unhurried
from tests.support.stores import StoreConformance
from tests.support.valkey import Server

_prefixes = count(1)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch.setattr)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running redis-server."""
    program = shutil.which("redis-server", path=f"{os.environ['PATH']}:{TOOLS / 'redis'}")
    if program is None:
        pytest.skip("redis-server is not installed; `make conformance` says why")
    running = Server(tmp_path_factory.mktemp("redis"), program=program).start()
    yield running
    running.kill()


@pytest.fixture
def place(redis: Server, tmp_path: Path) -> Place:
    """A store on it that nobody has used before."""
    return Place(f"{redis.url}?prefix=test-{next(_prefixes)}", tmp_path)


class TestRedis(StoreConformance):
    """The same as for every store."""

    def test_it_is_redis(self, redis: Server) -> None:
        assert b"redis_version:" in redis.say("INFO", "server")
        assert b"valkey" not in redis.say("INFO", "server")
