"""A store that replicas share: Valkey 7.2 or later, Redis 6.2 or later, or what speaks their protocol.

Scripts do on the server what must not be torn apart (`valkey_scripts`). Evidence and outcomes are folded
here: read, folded, and written on the condition that nobody else has written those units meanwhile; else read
again. The states, and the counters that follow from them, change in one script. So a reply that got lost
costs nothing: the same facts, applied again, find themselves already there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from random import random
from typing import Any

from gateway.store import batch
from gateway.store import valkey_scripts as scripts
from gateway.store.base import (
    AUDIT_KEPT,
    Applied,
    Conflict,
    Document,
    Entry,
    Fenced,
    Handle,
    Lease,
)
from gateway.store.envelope import Envelope
from gateway.store.signature import Signer
from gateway.store.valkey_client import Client, address_of
from gateway.store.valkey_keys import DAY, SHARDS, Layout, Swaps
from routing.evidence.cells import Evidence
from routing.evidence.fact import Cohort, Fact, Facts
from routing.evidence.outcomes import Outcomes, Receipt, Report
from routing.evidence.tally import Counts

PART = 250
"""Units or requests a script: about a millisecond of the server's time."""
TRIES = 8
"""Readings of a part until it is given up because others write the same units faster."""
ASIDE = 0.01
"""Seconds between two of them, at most."""
UNUSED = 90 * 86_400
"""Seconds after which an epoch is forgotten that nobody has written to, nor ended."""
MILLISECONDS = 1_000
RECONNECT = 1.0


class ValkeyStore:
    """The store at a `redis://`, `rediss://` or `redis+sentinel://` URL; it connects with the first call."""

    def __init__(self, url: str, directory: Path, keys: tuple[bytes, ...]) -> None:
        address = address_of(url)
        self._client = Client(address)
        self._keys = Layout(address.prefix)
        self._envelope = Envelope(Signer(keys))

    # Documents and their audit log

    async def documents(self) -> dict[str, Document | None]:
        rows = await self._client.command("HGETALL", self._keys.documents)
        stored = {name.decode(errors="replace"): value for name, value in rows.items()}
        for rollout, value in stored.items():
            await self._renew(rollout, value)
        return {rollout: self._envelope.document_or_none(rollout, value) for rollout, value in stored.items()}

    async def document(self, rollout: str) -> Document | None:
        stored = await self._client.command("HGET", self._keys.documents, rollout)
        if stored is None:
            return None
        await self._renew(rollout, stored)
        return self._envelope.open_document(rollout, stored)

    async def _renew(self, rollout: str, stored: bytes) -> None:
        """Signs a document anew that was signed with an older key, unless it has changed since."""
        renewed = self._envelope.renewed_document(rollout, stored)
        if renewed is not None:
            await self._client.script(scripts.REPLACE, [self._keys.documents], [rollout, stored, renewed])

    async def put(
        self,
        rollout: str,
        document: Document,
        *,
        expected: int,
        lease: Lease | None = None,
        entry: Entry | None = None,
    ) -> None:
        stored = self._envelope.document(rollout, document, expected, lease)
        name, token = ("", 0) if lease is None else (lease.name, lease.token)
        logged, time = (b"", 0) if entry is None else (self._envelope.entry(rollout, entry), entry.time)
        reply = await self._client.script(
            scripts.PUT,
            [self._keys.documents, self._keys.leases, self._keys.audit(rollout)],
            [rollout, expected, stored, name, token, logged, time, AUDIT_KEPT, self._keys.news],
        )
        if isinstance(reply, list):
            revision = int(reply[1])
            if reply[0] == b"fenced":
                raise Fenced(f"the lease {name} has passed on", revision)
            raise Conflict(f"{rollout} is at revision {revision}, not {expected}", revision)

    async def append(self, rollout: str, entry: Entry) -> None:
        logged = self._envelope.entry(rollout, entry)
        await self._client.script(
            scripts.APPEND, [self._keys.audit(rollout)], [logged, entry.time, AUDIT_KEPT]
        )

    async def history(self, rollout: str, limit: int = AUDIT_KEPT) -> list[Entry]:
        rows = await self._client.command("ZRANGE", self._keys.audit(rollout), -limit, -1)
        return [self._envelope.open_entry(rollout, stored) for stored in rows]

    async def news(self) -> AsyncIterator[str]:
        while True:
            async for rollout in self._client.listen(self._keys.news):
                yield rollout
            await asyncio.sleep(RECONNECT)

    # Leases, secrets, replicas

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease | None:
        token = await self._client.script(
            scripts.ACQUIRE, [self._keys.leases], [name, holder, round(ttl * MILLISECONDS)]
        )
        return None if token is None else Lease(name, holder, int(token))

    async def release(self, lease: Lease) -> None:
        await self._client.script(
            scripts.RELEASE, [self._keys.leases], [lease.name, lease.token, lease.holder]
        )

    async def claim(self, name: str, proposal: bytes) -> bytes:
        stored = await self._client.script(
            scripts.CLAIM, [self._keys.secrets], [name, self._envelope.secret(name, proposal)]
        )
        renewed = self._envelope.renewed_secret(name, stored)
        if renewed is not None:
            await self._client.script(scripts.REPLACE, [self._keys.secrets], [name, stored, renewed])
        return self._envelope.open_secret(name, stored)

    async def beat(self, replica: str, body: Mapping[str, Any], ttl: float) -> None:
        signed = self._envelope.beat(replica, body)
        await self._client.script(
            scripts.BEAT, [self._keys.replicas], [replica, signed, round(ttl * MILLISECONDS)]
        )

    async def replicas(self) -> dict[str, Mapping[str, Any]]:
        rows = await self._client.script(scripts.REPLICAS, [self._keys.replicas], [])
        names = (name.decode(errors="replace") for name in rows[::2])
        return self._envelope.open_beats(zip(names, rows[1::2], strict=True))

    # Evidence

    async def apply(self, rollout: str, epoch: int, facts: Facts, depth: int = 3) -> Applied:
        changed = 0
        for cohort, units in facts.items():
            for part in batch.parts(units, PART):
                done = await self._apply(rollout, epoch, cohort, part, depth)
                if done is None:
                    return Applied(changed, True)
                changed += done
        return Applied(changed, False)

    async def _apply(
        self, rollout: str, epoch: int, cohort: Cohort, units: Mapping[int, Sequence[Fact]], depth: int
    ) -> int | None:
        """Folds facts in; how many units that has changed, or None when the epoch has ended."""
        places = {}
        for unit in units:
            name = batch.unit_name(cohort, unit)
            places[unit] = self._keys.units(rollout, epoch, name[-1]), name
        for _ in range(TRIES):
            states = dict(zip(places, await self._read(places.values()), strict=True))
            changed, counts = batch.advance(cohort, states, units, depth)
            if not changed:
                return 0
            swaps = Swaps(self._keys.ended(rollout), self._keys.cells(rollout, epoch))
            values = swaps.arguments((*places[unit], states[unit], new) for unit, new in changed.items())
            counters = [part for pair in counts.items() for part in pair]
            stale = await self._client.script(
                scripts.APPLY, swaps.keys, [epoch, UNUSED * MILLISECONDS, len(counts), *counters, *values]
            )
            if not stale:
                return None if stale is None else len(changed)
            await _step_aside()
        raise Conflict(f"{rollout}: others write the same units")

    async def _read(self, places: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """The values of (hash, field), in that order; empty where there is none."""
        places = list(places)
        fields: dict[str, list[bytes]] = {}
        for key, name in places:
            fields.setdefault(key, []).append(name)
        rows = await self._client.commands(("HMGET", key, *names) for key, names in fields.items())
        found = {
            (key, name): value
            for (key, names), values in zip(fields.items(), rows, strict=True)
            for name, value in zip(names, values, strict=True)
        }
        return [found[place] or b"" for place in places]

    async def count(self, rollout: str, epoch: int, sender: bytes, number: int, counts: Counts) -> None:
        keys = [
            self._keys.ended(rollout),
            self._keys.cells(rollout, epoch),
            self._keys.senders(rollout, epoch),
        ]
        counters = [part for pair in counts.items() for part in pair]
        await self._client.script(
            scripts.COUNT, keys, [epoch, UNUSED * MILLISECONDS, sender, number, *counters]
        )

    async def evidence(self, rollout: str, epoch: int) -> Evidence:
        rows = await self._client.command("HGETALL", self._keys.cells(rollout, epoch))
        return batch.evidence_of((name.decode(errors="replace"), count) for name, count in rows.items())

    async def end_epoch(self, rollout: str, epoch: int, keep: float) -> None:
        units = [self._keys.units(rollout, epoch, shard) for shard in range(SHARDS)]
        keys = [self._keys.ended(rollout), self._keys.cells(rollout, epoch), *units]
        keys.append(self._keys.senders(rollout, epoch))
        await self._client.script(scripts.END, keys, [epoch, round(keep * MILLISECONDS)])

    # Outcomes

    async def record(
        self, reports: Mapping[Handle, Sequence[Report]], ttl: float
    ) -> dict[Handle, list[Receipt]]:
        receipts: dict[Handle, list[Receipt]] = {}
        for part in batch.parts(reports, PART):
            receipts |= await self._record(part, ttl)
        return receipts

    async def _record(
        self, reports: Mapping[Handle, Sequence[Report]], ttl: float
    ) -> dict[Handle, list[Receipt]]:
        places = {request: (self._keys.outcomes(request), batch.request_name(request)) for request in reports}
        # The hash of a day is written to for a day, and expires as a whole.
        milliseconds = round(ttl * MILLISECONDS) + DAY
        for _ in range(TRIES):
            states = dict(zip(reports, await self._read(places.values()), strict=True))
            noted = {request: batch.noted(states[request], told) for request, told in reports.items()}
            swaps = Swaps()
            values = swaps.arguments(
                (*places[request], states[request], new)
                for request, (new, _) in noted.items()
                if new != states[request]
            )
            if not values or not await self._client.script(
                scripts.RECORD, swaps.keys, [milliseconds, *values]
            ):
                return {request: receipts for request, (_, receipts) in noted.items()}
            await _step_aside()
        raise Conflict("others report on the same requests")

    async def outcomes(self, request: Handle) -> Outcomes:
        (stored,) = await self._read([(self._keys.outcomes(request), batch.request_name(request))])
        return batch.outcomes_of(stored)

    # Homes of stored responses

    async def keep_homes(self, homes: Mapping[bytes, bytes], ttl: float) -> None:
        milliseconds = round(ttl * MILLISECONDS)
        for part in batch.parts(homes, PART):
            await self._client.commands(
                ("SET", self._keys.home(name), self._envelope.home(name, value), "PX", milliseconds)
                for name, value in part.items()
            )

    async def home(self, name: bytes) -> bytes | None:
        return self._envelope.open_home(name, await self._client.command("GET", self._keys.home(name)))

    # Upkeep

    async def settle(self) -> None:
        """Nothing to do: how durable a shared store is, is its operator's choice."""

    async def sweep(self) -> None:
        """Nothing to do: the server forgets by itself."""

    async def close(self) -> None:
        await self._client.close()


async def _step_aside() -> None:
    """After a race was lost: waits long enough for the other, and not just as long as a third."""
    await asyncio.sleep(random() * ASIDE)
