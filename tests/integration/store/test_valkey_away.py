"""A shared store that stalls, dies, loses replies, is full or read-only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store import valkey, valkey_client
from gateway.store.base import Applied, Document, Entry, Handle, Store, Unavailable
from routing.evidence.outcomes import RECORDED, Receipt
from tests.support.place import (
    BRIEF,
    CALLS,
    PATIENCE,
    REPORTS,
    REQUEST,
    ROLLOUT,
    Place,
    answered,
    heard,
    one_unit,
    passed_cells,
    refused,
    run,
    until,
)
from tests.support.valkey import Between, Server, sentinel

PROMISED = valkey_client.SENTINEL, valkey_client.SOCKET, valkey_client.PATIENCE
"""As they are; tests raise them."""
FAILOVER = 90.0
"""Seconds that a Sentinel may take on a busy machine, where it may have to try several times."""


@pytest.fixture
def place(own: Server, tmp_path: Path) -> Place:
    """The store on a server of this test alone."""
    return Place(own.url, tmp_path)


@pytest.fixture
def between(own: Server) -> Iterator[Between]:
    """What stands before it."""
    standing = Between(own.port)
    standing.start()
    yield standing
    standing.stop()


@pytest.fixture
def place_behind(between: Between, tmp_path: Path) -> Place:
    """The same, seen through what stands before it."""
    return Place(f"redis://127.0.0.1:{between.port}", tmp_path)


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls end soon; on a busy machine some that would have been answered, too: tests make those again.

    Both bounds: on Python 3.11 a call that is just sending may miss its end (`asyncio.wait_for` in redis-py).
    """
    for name in ("SOCKET", "PATIENCE"):
        monkeypatch.setattr(valkey_client, name, BRIEF)


def test_every_operation_is_covered() -> None:
    operations = {name for name in vars(Store) if not name.startswith("_")}
    assert set(CALLS) == operations - {"news", "settle", "sweep", "close"}


def test_the_time_to_wait_is_half_a_second() -> None:
    sentinel, socket, patience = PROMISED
    assert sentinel < socket < patience <= 0.5


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("name", CALLS)
def test_a_stalled_server_is_given_up(own: Server, place: Place, name: str) -> None:
    async def test(store: Store) -> None:
        await answered(lambda: CALLS[name](store))
        own.stall()
        await refused(CALLS[name](store))
        fresh = place.open()
        await refused(CALLS[name](fresh))
        await fresh.close()
        own.go_on()
        await answered(lambda: CALLS[name](store))

    try:
        run(test, place)
    finally:
        own.go_on()


@pytest.mark.usefixtures("_hurried")
def test_many_calls_on_a_stalled_server_wait_together(own: Server, place: Place) -> None:
    """One after the other, as connections come free, they would wait for twice as long as the test does."""
    count = round(2 * PATIENCE / BRIEF) * valkey_client.CONNECTIONS

    async def test(store: Store) -> None:
        await answered(store.documents)
        own.stall()
        await asyncio.gather(*(refused(store.documents()) for _ in range(count)))

    try:
        run(test, place)
    finally:
        own.go_on()


def test_a_killed_server_is_noticed_at_once_and_used_again_when_it_is_back(own: Server, place: Place) -> None:
    async def test(store: Store) -> None:
        await store.put(ROLLOUT, Document(17, {"weight": 50}), expected=0)
        await store.apply(ROLLOUT, 1, one_unit(True))
        old = await store.acquire("leader", "a", 30)
        assert old is not None
        assert await store.claim("units", b"first") == b"first"
        own.kill()
        for _ in range(3):
            await refused(store.document(ROLLOUT))
        own.start()
        # It comes back empty. What replicas know is put back, and counts on.
        assert await store.document(ROLLOUT) is None
        await store.put(ROLLOUT, Document(17, {"weight": 50}), expected=0, lease=old)
        assert await store.claim("units", b"first") == b"first"
        new = await store.acquire("leader", "b", 30)
        assert new is not None
        assert new.token > old.token
        assert await store.apply(ROLLOUT, 1, one_unit(True)) == Applied(1, False)

    run(test, place)


def test_an_older_snapshot_of_the_store_takes_the_newer_document(place: Place) -> None:
    async def test(store: Store) -> None:
        await store.put(ROLLOUT, Document(12, {"weight": 10}), expected=0)
        await store.put(ROLLOUT, Document(17, {"weight": 50}), expected=12)
        assert await store.document(ROLLOUT) == Document(17, {"weight": 50})

    run(test, place)


def test_a_write_whose_reply_was_lost_counts_once(
    place: Place, place_behind: Place, between: Between
) -> None:
    entry = Entry(1, {"cause": "promote"})

    async def lost(call: Callable[[], Awaitable[Any]]) -> Any:
        """What the second attempt returns; the first has reached the server, once."""
        before = between.lost
        between.loses = b"EVALSHA"
        await refused(call())
        assert between.lost == before + 1
        between.loses = b""
        return await call()

    async def test(near: Store, far: Store) -> None:
        for name in ("put", "append", "acquire", "apply", "record", "claim", "beat"):
            await CALLS[name](near)  # so that the server knows the scripts
        assert await lost(lambda: far.apply("a/b", 1, one_unit(True))) == Applied(0, False)
        assert passed_cells(await near.evidence("a/b", 1)) == {(0, 1): 1}
        assert await lost(lambda: far.put("a/b", Document(1, {}), expected=0, entry=entry)) is None
        assert await near.document("a/b") == Document(1, {})
        assert await near.history("a/b") == [entry]
        await lost(lambda: far.append("a/b", Entry(2, {})))
        assert await near.history("a/b") == [entry, Entry(2, {})]
        first, again = (Handle(REQUEST.time, bytes([index]) * 12) for index in (1, 2))
        for request in (first, again):
            receipts = await lost(lambda request=request: far.record({request: REPORTS[REQUEST]}, 60))  # type: ignore[misc]
            assert receipts == {request: [Receipt(RECORDED, True)]}
            assert len(await near.outcomes(request)) == 1
        lease = await lost(lambda: far.acquire("a", "me", 30))
        assert lease == await near.acquire("a", "me", 30)
        assert await lost(lambda: far.claim("a", b"mine")) == await near.claim("a", b"other") == b"mine"

    run(test, place, place_behind)


@pytest.mark.usefixtures("_hurried")
def test_a_slow_server_is_given_up_and_its_late_replies_are_nobody_elses(
    place_behind: Place, between: Between
) -> None:
    async def test(store: Store) -> None:
        assert await answered(lambda: store.claim("a", b"1")) == b"1"
        assert await answered(lambda: store.claim("b", b"2")) == b"2"
        between.holds = b"EVALSHA"
        for _ in range(3):
            await refused(store.claim("a", b""))
        between.holds = b""
        for _ in range(10):
            assert await answered(lambda: store.claim("b", b"")) == b"2"

    run(test, place_behind)


def test_a_caller_who_gives_up_leaves_no_reply_behind(place_behind: Place, between: Between) -> None:
    async def test(store: Store) -> None:
        assert await store.claim("a", b"1") == b"1"
        assert await store.claim("b", b"2") == b"2"
        between.holds = b"EVALSHA"
        for before in range(5):
            asking = asyncio.create_task(store.claim("a", b""))
            await until(lambda before=before: between.held > before)  # type: ignore[misc]
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        between.holds = b""
        assert [await store.claim("b", b"") for _ in range(10)] == [b"2"] * 10

    run(test, place_behind)


def test_a_full_server_refuses_writes_and_is_read(own: Server, place: Place) -> None:
    async def test(store: Store) -> None:
        await store.apply(ROLLOUT, 1, one_unit(True))
        own.say("CONFIG", "SET", "maxmemory", "1")
        await refused(store.apply(ROLLOUT, 1, one_unit(False)))
        assert passed_cells(await store.evidence(ROLLOUT, 1)) == {(0, 1): 1}
        own.say("CONFIG", "SET", "maxmemory", "0")
        await store.apply(ROLLOUT, 1, one_unit(False))
        assert passed_cells(await store.evidence(ROLLOUT, 1)) == {(20, 1): 1}

    run(test, place)


def test_a_master_that_has_become_a_replica_refuses_and_recovers(own: Server, place: Place) -> None:
    async def test(store: Store) -> None:
        await store.apply(ROLLOUT, 1, one_unit(True))
        own.say("REPLICAOF", "127.0.0.1", "9")
        await refused(store.apply(ROLLOUT, 1, one_unit(False)))
        own.say("REPLICAOF", "NO", "ONE")
        await store.apply(ROLLOUT, 1, one_unit(False))

    run(test, place)


def test_sentinels_lead_to_the_new_master(own: Server, tmp_path: Path) -> None:
    replica = Server(tmp_path, "--replicaof", f"127.0.0.1 {own.port}").start()
    replica.wait_for(lambda: b"master_link_status:up" in replica.say("INFO", "replication"))
    watcher = sentinel(tmp_path, own).start()
    # When the machine has stalled it would do nothing for 30 s, and try a failover again after 360 s only.
    assert b"OK" in watcher.say("SENTINEL", "DEBUG", "tilt-trigger", "600000")
    assert b"OK" in watcher.say("SENTINEL", "SET", "main", "failover-timeout", "10000")
    watcher.wait_for(lambda: b"num-slaves\r\n$1\r\n1" in watcher.say("SENTINEL", "MASTER", "main"), FAILOVER)

    async def test(store: Store) -> None:
        await store.put(ROLLOUT, Document(1, {}), expected=0)
        replica.wait_for(lambda: b"document" in replica.say("HGETALL", "headgate:{state}:documents") or
                         b"revision" in replica.say("HGETALL", "headgate:{state}:documents"))  # fmt: skip
        # Not before: on a busy machine a master that lives would be given up.
        assert b"OK" in watcher.say("SENTINEL", "SET", "main", "down-after-milliseconds", "300")
        own.kill()
        with contextlib.suppress(Unavailable):  # unless there is a new master already
            async with asyncio.timeout(PATIENCE):
                await store.document(ROLLOUT)
        await answered(lambda: store.put(ROLLOUT, Document(2, {}), expected=1), FAILOVER)
        assert await answered(lambda: store.document(ROLLOUT), FAILOVER) == Document(2, {})

    try:
        run(test, Place(f"redis+sentinel://127.0.0.1:{watcher.port}/main", tmp_path))
    finally:
        watcher.kill()
        replica.kill()


def test_news_goes_on_after_the_server_was_away(
    own: Server, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "RECONNECT", 0.05)

    async def test(store: Store) -> None:
        news = store.news()
        await heard(news, "")
        own.kill()
        own.start()
        await heard(news, "")
        await store.put(ROLLOUT, Document(1, {}), expected=0)
        await heard(news, ROLLOUT)

    run(test, place)


@pytest.mark.usefixtures("_hurried")
def test_a_subscription_that_has_died_in_silence_is_made_anew(
    own: Server, place_behind: Place, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "RECONNECT", 0.05)
    monkeypatch.setattr(valkey_client, "LISTEN", BRIEF)
    told: list[str] = []

    async def follow(store: Store) -> None:
        async for rollout in store.news():
            told.append(rollout)

    async def stands() -> bool:
        """Whether it is still the same after it has been answered twice."""
        pongs, connections = between.pongs, between.connections
        await until(lambda: between.pongs > pongs + 1 or between.connections > connections)
        return between.connections == connections

    async def test(store: Store) -> None:
        following = asyncio.create_task(follow(store))
        try:
            await until(lambda: "" in told)
            async with asyncio.timeout(PATIENCE):
                while not await stands():  # on a busy machine an answer may come too late
                    pass
            own.stall()
            before = told.count(""), between.connections
            await until(lambda: between.connections > before[1])
            own.go_on()
            await until(lambda: told.count("") > before[0])
        finally:
            following.cancel()
            await asyncio.wait((following,), timeout=PATIENCE)

    try:
        run(test, place_behind)
    finally:
        own.go_on()


def test_units_that_others_always_write_first_are_a_conflict(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "ASIDE", 0.0)

    async def test(store: Store) -> None:
        async def stale(*_: object) -> list[bytes]:
            return [b"unit"]

        monkeypatch.setattr(store._client, "script", stale)  # type: ignore[attr-defined]
        for call in (store.apply(ROLLOUT, 1, one_unit(True)), store.record(REPORTS, 60)):
            with pytest.raises(valkey.Conflict, match="others"):
                await call

    run(test, place)
