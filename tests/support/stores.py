"""What every store must do: the same tests for each, wherever it is."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from time import time

import pytest

from gateway.store.base import (
    AUDIT_KEPT,
    Applied,
    Conflict,
    Document,
    Entry,
    Fenced,
    Handle,
    Lease,
    Store,
    Tampered,
)
from routing.evidence.cells import Cell, Cost, Evidence, Side
from routing.evidence.ending import Ending, exposed
from routing.evidence.fact import P95, Request, UnitKey, by_unit
from routing.evidence.outcomes import CONFLICT, DUPLICATE, RECORDED, Receipt, Report
from tests.support.place import (
    KEY,
    OTHER_KEY,
    ROLLOUT,
    Place,
    alone,
    facts,
    heard,
    one_unit,
    passed_cells,
    persistently,
    run,
    together,
)


class StoreConformance:
    """The tests; a subclass beside a `place` fixture collects them."""

    # Documents

    @together
    async def test_a_document_is_put_once_and_read_by_all(self, one: Store, other: Store) -> None:
        assert await one.document(ROLLOUT) is None
        assert await one.documents() == {}
        first = Document(1, {"weight": 10, "name": "é"})
        await one.put(ROLLOUT, first, expected=0)
        assert await other.document(ROLLOUT) == first
        assert await other.documents() == {ROLLOUT: first}
        await other.put(ROLLOUT, Document(5, {"weight": 50.5}), expected=1)
        assert await one.document(ROLLOUT) == Document(5, {"weight": 50.5})

    @together
    async def test_a_stale_revision_is_refused_and_told(self, one: Store, other: Store) -> None:
        await one.put(ROLLOUT, Document(7, {}), expected=0)
        for expected in (0, 3, 8):
            with pytest.raises(Conflict) as refused:
                await other.put(ROLLOUT, Document(9, {"weight": 1}), expected=expected)
            assert refused.value.revision == 7
        assert await one.document(ROLLOUT) == Document(7, {})

    @alone
    async def test_a_revision_only_grows(self, store: Store) -> None:
        await store.put(ROLLOUT, Document(7, {}), expected=0)
        with pytest.raises(ValueError, match="does not follow"):
            await store.put(ROLLOUT, Document(7, {"weight": 1}), expected=7)

    @alone
    async def test_putting_again_what_is_there_succeeds_and_logs_once(self, store: Store) -> None:
        entry = Entry(1, {"cause": "promote"})
        for _ in range(3):
            await store.put(ROLLOUT, Document(1, {}), expected=0, entry=entry)
        assert await store.history(ROLLOUT) == [entry]

    @together
    async def test_of_racing_writers_one_wins_each_revision(self, one: Store, other: Store) -> None:
        await one.put(ROLLOUT, Document(1, {"count": 0}), expected=0)

        async def writer(store: Store, name: str) -> int:
            won = 0
            for _ in range(25):
                document = await store.document(ROLLOUT)
                assert document is not None
                body = {"count": document.body["count"] + 1, "by": name}
                try:
                    await store.put(
                        ROLLOUT, Document(document.revision + 1, body), expected=document.revision
                    )
                except Conflict:
                    continue
                won += 1
            return won

        won = await asyncio.gather(writer(one, "one"), writer(other, "other"), writer(one, "third"))
        document = await other.document(ROLLOUT)
        assert document is not None
        assert document.body["count"] == sum(won) == document.revision - 1
        assert sum(won) >= 25

    @together
    async def test_news_of_a_change(self, one: Store, other: Store) -> None:
        news = one.news()
        await heard(news, "")
        await one.put(ROLLOUT, Document(1, {}), expected=0)
        await heard(news, ROLLOUT)

    # Audit log

    @together
    async def test_the_log_is_in_order_apart_and_bounded(self, one: Store, other: Store) -> None:
        entries = [Entry(1_000 + index, {"index": index}) for index in range(AUDIT_KEPT + 20)]
        for start in range(0, len(entries), 10):
            await asyncio.gather(*(one.append(ROLLOUT, entry) for entry in entries[start : start + 10]))
        await other.append("another/all", entries[0])
        assert await other.history(ROLLOUT) == entries[20:]
        assert await other.history(ROLLOUT, 2) == entries[-2:]
        assert await one.history("another/all") == entries[:1]

    @alone
    async def test_an_entry_is_logged_once(self, store: Store) -> None:
        for _ in range(3):
            await store.append(ROLLOUT, Entry(1, {"actor": "ops"}))
        assert await store.history(ROLLOUT) == [Entry(1, {"actor": "ops"})]

    # Leases

    @together
    async def test_one_holder_at_a_time(self, one: Store, other: Store) -> None:
        lease = await one.acquire("leader", "a", 30)
        assert lease is not None
        assert await other.acquire("leader", "b", 30) is None
        assert await one.acquire("leader", "a", 30) == lease
        assert await other.acquire("another", "b", 30) is not None
        await other.release(Lease("leader", "b", lease.token))
        assert await other.acquire("leader", "b", 30) is None
        await one.release(lease)
        taken = await other.acquire("leader", "b", 30)
        assert taken is not None
        assert taken.token > lease.token

    @together
    async def test_an_expired_lease_passes_on_and_fences_its_holder(self, one: Store, other: Store) -> None:
        old = await one.acquire("leader", "a", 0.05)
        assert old is not None
        await one.put(ROLLOUT, Document(1, {}), expected=0, lease=old)
        await asyncio.sleep(0.1)
        new = await other.acquire("leader", "b", 30)
        assert new is not None
        with pytest.raises(Fenced):
            await one.put(ROLLOUT, Document(2, {"by": "old"}), expected=1, lease=old)
        await other.put(ROLLOUT, Document(2, {"by": "new"}), expected=1, lease=new)
        document = await one.document(ROLLOUT)
        assert document == Document(2, {"by": "new"}, fence=new.token)

    @together
    async def test_a_race_for_a_lease_has_one_winner(self, one: Store, other: Store) -> None:
        claims = [store.acquire("leader", f"{index}", 30) for index in range(6) for store in (one, other)]
        assert len({lease for lease in await asyncio.gather(*claims) if lease is not None}) == 1

    @alone
    async def test_a_token_is_larger_than_any_before_a_loss_of_all_data(self, store: Store) -> None:
        lease = await store.acquire("leader", "a", 30)
        assert lease is not None
        assert lease.token > (time() - 3_600) * 1_000

    # Secrets and replicas

    @together
    async def test_a_secret_is_made_once(self, one: Store, other: Store) -> None:
        stores = (one, other) * 4
        claims = [store.claim("units", bytes([index]) * 32) for index, store in enumerate(stores)]
        assert len(set(await asyncio.gather(*claims))) == 1
        assert await one.claim("another", b"x") == b"x"

    def test_signing_keys_rotate_under_secrets_and_documents(self, place: Place) -> None:
        """The new key comes first, everything is read once, and the old key can go."""
        rotated = replace(place, keys=(OTHER_KEY, KEY))
        after = replace(place, keys=(OTHER_KEY,))

        async def rotate(old: Store, both: Store, new: Store) -> None:
            await old.claim("units", b"secret")
            await old.put(ROLLOUT, Document(1, {"weight": 10}), expected=0)
            with pytest.raises(Tampered):
                await new.claim("units", b"other")
            assert await both.claim("units", b"other") == b"secret"
            await old.put("another/all", Document(1, {}), expected=0)
            assert await both.document(ROLLOUT) == Document(1, {"weight": 10})
            assert (await both.documents())["another/all"] == Document(1, {})
            assert await new.document("another/all") == Document(1, {})
            assert await new.claim("units", b"other") == b"secret"
            assert await new.document(ROLLOUT) == Document(1, {"weight": 10})
            with pytest.raises(Tampered) as refused:
                await old.document(ROLLOUT)
            assert refused.value.revision == 1
            assert await old.documents() == {ROLLOUT: None, "another/all": None}

        run(rotate, place, rotated, after)

    @together
    async def test_replicas_are_those_that_beat(self, one: Store, other: Store) -> None:
        await one.beat("a", {"definition": "1"}, 30)
        await other.beat("b", {"definition": "2"}, 0.05)
        await other.beat("a", {"definition": "2"}, 30)
        await asyncio.sleep(0.1)
        await other.beat("c", {}, 30)
        assert await one.replicas() == {"a": {"definition": "2"}, "c": {}}

    # Evidence

    @together
    async def test_any_order_repetition_and_split_gives_the_same_cells(
        self, one: Store, other: Store
    ) -> None:
        told = facts(1_200)
        await one.apply("plain/all", 1, by_unit(told))
        shuffled = [*told, *told[:300]]
        random.Random(2).shuffle(shuffled)
        parts = [shuffled[start : start + 100] for start in range(0, len(shuffled), 100)]
        await asyncio.gather(persistently(one, parts[::2]), persistently(other, parts[1::2]))
        expected = await one.evidence("plain/all", 1)
        assert expected.compared and len(expected.cells) > len(expected.compared)
        assert expected.costs and expected.durations and expected.first_tokens
        assert await other.evidence(ROLLOUT, 1) == expected
        assert await other.apply(ROLLOUT, 1, by_unit(told)) == Applied(0, False)

    @together
    async def test_two_replicas_write_the_same_units_at_once(self, one: Store, other: Store) -> None:
        told = facts(400, units=3)
        parts = [told[start : start + 20] for start in range(0, len(told), 20)]
        await asyncio.gather(persistently(one, parts), persistently(other, [*parts, *parts[::-1]]))
        await one.apply("plain/all", 1, by_unit(told))
        assert await other.evidence(ROLLOUT, 1) == await one.evidence("plain/all", 1)

    @alone
    async def test_a_value_is_revised_as_it_arrives(self, store: Store) -> None:
        assert await store.apply(ROLLOUT, 1, one_unit(True)) == Applied(1, False)
        assert passed_cells(await store.evidence(ROLLOUT, 1)) == {(0, 1): 1}
        await store.apply(ROLLOUT, 1, one_unit(False))
        assert passed_cells(await store.evidence(ROLLOUT, 1)) == {(20, 1): 1}
        await store.apply(ROLLOUT, 1, one_unit(True, time=0))
        assert passed_cells(await store.evidence(ROLLOUT, 1)) == {(20, 2): 1}
        assert await store.evidence(ROLLOUT, 2) == await store.evidence("x/y", 1) == Evidence({}, {}, {}, {})

    @alone
    async def test_sums_of_squares_are_exact_beyond_64_bits(self, store: Store) -> None:
        keys = [UnitKey(1, "compared", number) for number in range(40)]
        told = [
            (key, exposed(Request(key, 1, b"n", 0, 0, False), Ending("ok", cost=1_000.000001), P95()))
            for key in keys
        ]
        await store.apply(ROLLOUT, 1, by_unit(told))
        micro = 1_000_000_001
        costs = (await store.evidence(ROLLOUT, 1)).costs
        assert costs == {Side(1, "compared", False): Cost(40, 40 * micro, 40 * micro**2)}

    @together
    async def test_an_ended_epoch_takes_no_more_and_is_forgotten(self, one: Store, other: Store) -> None:
        for epoch in (1, 2):
            await one.apply(ROLLOUT, epoch, one_unit(True))
        await other.end_epoch(ROLLOUT, 1, keep=0.05)
        assert await one.apply(ROLLOUT, 1, one_unit(False)) == Applied(0, True)
        await asyncio.sleep(0.1)
        await one.sweep()
        assert not (await one.evidence(ROLLOUT, 1)).cells
        assert await other.apply(ROLLOUT, 1, one_unit(False)) == Applied(0, True)
        assert passed_cells(await one.evidence(ROLLOUT, 2)) == {(0, 1): 1}
        await other.end_epoch(ROLLOUT, 2, keep=30)
        await other.end_epoch(ROLLOUT, 1, keep=30)
        assert (await one.apply(ROLLOUT, 2, one_unit(False))).ended
        assert passed_cells(await one.evidence(ROLLOUT, 2)) == {(0, 1): 1}
        cell = next(iter((await one.evidence(ROLLOUT, 2)).cells))
        assert isinstance(cell, Cell)

    @together
    async def test_counters_move_once_whoever_asks_again(self, one: Store, other: Store) -> None:
        counts = {"1.compared.0.0.errors.b.0.1": 5, "1.compared.cost.b.total": 70}
        for store in (one, other, one):
            await store.count(ROLLOUT, 1, b"a", 1, counts)
        await other.count(ROLLOUT, 1, b"b", 1, counts)
        await one.count(ROLLOUT, 1, b"a", 2, {"1.compared.0.0.errors.b.0.1": 1})
        await one.count(ROLLOUT, 1, b"a", 1, counts)
        await one.count(ROLLOUT, 2, b"a", 3, counts)
        evidence = await other.evidence(ROLLOUT, 1)
        assert list(evidence.cells.values()) == [11]
        assert [cost.total for cost in evidence.costs.values()] == [140]
        await one.end_epoch(ROLLOUT, 1, keep=30)
        await one.count(ROLLOUT, 1, b"a", 3, counts)
        assert list((await one.evidence(ROLLOUT, 1)).cells.values()) == [11]

    # Homes of stored responses

    @together
    async def test_a_home_is_known_to_all_for_its_time(self, one: Store, other: Store) -> None:
        homes = {index.to_bytes(16, "big"): b"home %d" % index for index in range(600)}
        await one.keep_homes(homes, 30)
        await one.keep_homes({b"brief": b"home"}, 0.05)
        for name in (b"\0" * 16, (599).to_bytes(16, "big")):
            assert await other.home(name) == homes[name]
        await other.keep_homes({b"\0" * 16: b"moved"}, 30)
        assert await one.home(b"\0" * 16) == b"moved"
        await asyncio.sleep(0.1)
        await one.sweep()
        assert await other.home(b"brief") is None and await other.home(b"nobody") is None

    def test_a_home_under_a_foreign_signature_is_none(self, place: Place) -> None:
        async def read(ours: Store, theirs: Store) -> None:
            await theirs.keep_homes({b"name": b"home"}, 30)
            assert await ours.home(b"name") is None

        run(read, place, replace(place, keys=(OTHER_KEY,)))

    # Outcomes

    @together
    async def test_each_field_counts_once(self, one: Store, other: Store) -> None:
        request = Handle(1_764_000_000_000, b"n" * 12)

        def report(id: str, value: bool) -> dict[Handle, list[Report]]:
            return {request: [Report(id, "application", "validation_passed", value, 5)]}

        assert await one.outcomes(request) == ()
        expected = [("1", True, RECORDED, True), ("2", True, DUPLICATE, False), ("3", False, CONFLICT, True),
                    ("4", False, CONFLICT, False)]  # fmt: skip
        for _ in range(2):
            for id, value, status, counts in expected:
                assert await other.record(report(id, value), 60) == {request: [Receipt(status, counts)]}
        (outcome,) = await one.outcomes(request)
        assert (outcome.field, outcome.value, outcome.report, outcome.contradicted_by) == (
            "validation_passed", True, "1", "3",
        )  # fmt: skip

    @together
    async def test_of_reports_at_once_one_counts(self, one: Store, other: Store) -> None:
        requests = [Handle(1_764_000_000_000 + index, b"n" * 12) for index in range(600)]

        async def replica(store: Store, name: str) -> list[Receipt]:
            reports = {
                request: [Report(f"{name}{index}", "application", "score", 0.5, 5)]
                for index, request in enumerate(requests)
            }
            receipts = await store.record(reports, 60)
            return [receipts[request][0] for request in requests]

        for pair in zip(*await asyncio.gather(replica(one, "a"), replica(other, "b")), strict=True):
            assert {receipt.status for receipt in pair} == {RECORDED, DUPLICATE}

    @alone
    async def test_settling_and_sweeping_keep_what_is_not_due(self, store: Store) -> None:
        request = Handle(1_764_000_000_000, b"n" * 12)
        await store.record({request: [Report("1", "application", "score", 0.5, 5)]}, 60)
        await store.settle()
        await store.sweep()
        assert len(await store.outcomes(request)) == 1
