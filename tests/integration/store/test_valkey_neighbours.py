"""A shared store that others use too, and what they may write into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.store.base import Applied, Document, Entry, Store, Tampered
from routing.evidence.outcomes import RECORDED, Receipt
from tests.support.place import (
    CALLS,
    KEY,
    REPORTS,
    REQUEST,
    ROLLOUT,
    Place,
    heard,
    one_unit,
    refused,
    run,
)
from tests.support.valkey import Server


@pytest.fixture
def place(own: Server, tmp_path: Path) -> Place:
    """The store on a server of this test alone."""
    return Place(own.url, tmp_path)


def test_a_wrong_password_is_said_and_never_shown(own: Server, tmp_path: Path) -> None:
    own.say("CONFIG", "SET", "requirepass", "right")

    async def test(wrong: Store, right: Store) -> None:
        error = await refused(wrong.documents())
        assert "hunter2" not in str(error)
        assert str(own.port) in str(error)
        assert await right.documents() == {}

    run(test, *(Place(own.url.replace("//", f"//:{word}@"), tmp_path) for word in ("hunter2", "right")))


def test_what_neighbours_write_is_noticed(own: Server, place: Place) -> None:
    state = "headgate:{state}"

    async def test(store: Store) -> None:
        await store.put(ROLLOUT, Document(3, {"weight": 10}), expected=0, entry=Entry(1, {"cause": "start"}))
        await store.beat("a", {"definition": "1"}, 30)
        await store.claim("units", b"secret")
        own.say("EVAL", "redis.call('HSET', KEYS[1], 'b/all', redis.call('HGET', KEYS[1], ARGV[1]))",
                "1", f"{state}:documents", ROLLOUT)  # fmt: skip
        own.say("HSET", f"{state}:documents", "c/all", '9 0 0 {"weight": 100}')
        own.say("HSET", f"{state}:documents", "d/all", "nonsense")
        assert await store.documents() == {
            ROLLOUT: Document(3, {"weight": 10}), "b/all": None, "c/all": None, "d/all": None,
        }  # fmt: skip
        with pytest.raises(Tampered) as found:
            await store.document("c/all")
        assert found.value.revision == 9
        await store.put("c/all", Document(10, {}), expected=9)
        await store.put("d/all", Document(1, {}), expected=0)
        assert await store.document("c/all") == Document(10, {})
        own.say("ZADD", f"{state}:audit:{ROLLOUT}", "2", '0 0 {"time": 2, "body": {"actor": "me"}}')
        own.say("ZADD", f"{state}:audit:{ROLLOUT}", "3", "nonsense")
        history = await store.history(ROLLOUT)
        assert [entry.authentic for entry in history] == [True, False, False]
        assert history[1].body == {"actor": "me"}
        own.say("HSET", f"{state}:replicas", "b", '9999999999999 0 0 {"definition": "2"}')
        own.say("HSET", f"{state}:replicas", "c", "nonsense")
        assert await store.replicas() == {"a": {"definition": "1"}}
        await store.beat("a", {"definition": "1"}, 30)
        own.say("HSET", f"{state}:secrets", "units", "0 0 eA==")
        with pytest.raises(Tampered):
            await store.claim("units", b"secret")
        own.say("HSET", f"{state}:leases", "leader", "nonsense")
        assert await store.acquire("leader", "a", 30) is not None

    run(test, place)


def test_evidence_that_is_not_ours_is_refused_and_holds_nothing_up(own: Server, place: Place) -> None:
    async def test(store: Store) -> None:
        await store.apply(ROLLOUT, 1, one_unit(True))
        await store.record(REPORTS, 60)
        own.say("HSET", "headgate:{solver/hard}:1:units:ff", "x", "junk")
        for pattern in ("headgate:{solver/hard}:1:units:*", "headgate:{outcomes}:*"):
            own.say("EVAL", "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do for _, field in "
                    "ipairs(redis.call('HKEYS', key)) do redis.call('HSET', key, field, 'junk') end end",
                    "0", pattern)  # fmt: skip
        assert await store.outcomes(REQUEST) == ()
        assert await store.record(REPORTS, 60) == {REQUEST: [Receipt(RECORDED, True)]}
        assert await store.apply(ROLLOUT, 1, one_unit(False)) == Applied(1, False)
        own.say("HSET", "headgate:{solver/hard}:1:cells", "nonsense", "1")
        with pytest.raises(Tampered):
            await store.evidence(ROLLOUT, 1)

    run(test, place)


def test_prefixes_keep_deployments_apart(own: Server, tmp_path: Path) -> None:
    async def test(one: Store, other: Store) -> None:
        await one.put(ROLLOUT, Document(1, {}), expected=0)
        await one.apply(ROLLOUT, 1, one_unit(True))
        await one.record(REPORTS, 60)
        assert await other.documents() == {}
        assert not (await other.evidence(ROLLOUT, 1)).cells
        assert await other.outcomes(REQUEST) == ()
        assert b"*0" in own.say("KEYS", "other*")

    run(test, *(Place(f"{own.url}?prefix={prefix}", tmp_path) for prefix in ("one", "other")))


def test_the_documented_acl_suffices(own: Server, tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/store.md").read_text()
    (rule,) = (line for line in text.splitlines() if line.startswith("ACL SETUSER"))
    assert b"OK" in own.say(*rule.replace("PASSWORD", "pw").split())

    async def test(store: Store) -> None:
        for call in CALLS.values():
            await call(store)
        await heard(store.news(), "")
        error = await refused(store._client.command("FLUSHALL"))  # type: ignore[attr-defined]
        assert "permissions" in str(error)

    run(test, Place(own.url.replace("//", "//headgate:pw@"), tmp_path))


def test_keys_are_those_of_the_layout(own: Server, place: Place) -> None:
    async def test(store: Store) -> None:
        for call in CALLS.values():
            await call(store)
        await store.put(ROLLOUT, Document(2, {}), expected=1, entry=Entry(2, {}))
        for word in (b"headgate:{state}:documents", b"headgate:{state}:audit:solver/hard",
                     b"headgate:{solver/hard}:1:units:", b"headgate:{outcomes}:20416:6e"):  # fmt: skip
            assert word in own.say("KEYS", "*")

    run(test, place)
    assert KEY.decode() not in own.say("KEYS", "*").decode(errors="replace")
