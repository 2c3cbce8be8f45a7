"""A store in one file, for one machine: SQLite in WAL mode, on a thread of its own.

`synchronous=NORMAL`: what was committed survives the death of any process; a loss of power may take back the
last transactions, never damage the file. Evidence and outcomes can live with that, because whoever hands them
in keeps them in a journal of its own until `settle` has returned, and handing them in twice counts once.
Documents, secrets and leases that pass on have no journal behind them: they are committed with
`synchronous=FULL`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import time
from typing import Any, TypeVar

from gateway.store import batch
from gateway.store import sqlite_work as work
from gateway.store.base import (
    AUDIT_KEPT,
    Applied,
    Conflict,
    Document,
    Entry,
    Fenced,
    Handle,
    Lease,
    Unavailable,
)
from gateway.store.envelope import Envelope
from gateway.store.signature import Signer
from gateway.store.sqlite_schema import prepare
from routing.evidence.cells import Evidence
from routing.evidence.fact import Facts
from routing.evidence.outcomes import Outcomes, Receipt, Report
from routing.evidence.tally import Counts

Result = TypeVar("Result")

PATIENCE = 0.5
"""Seconds that a caller waits; the transaction itself may still be carried out."""
PART = 2_000
"""Units or requests a transaction."""
MILLISECONDS = 1_000


class SQLiteStore:
    """The store at `state.db` in the state directory; the file is opened by the first call."""

    def __init__(self, url: str, directory: Path, keys: tuple[bytes, ...]) -> None:
        if url != "sqlite":
            raise ValueError("must be sqlite, without anything behind it: the file is in the state directory")
        self._path = directory / "state.db"
        self._envelope = Envelope(Signer(keys))
        self._thread = ThreadPoolExecutor(1, "store")
        self._database: sqlite3.Connection | None = None
        self._listeners: set[asyncio.Queue[str]] = set()

    async def _do(self, ask: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does what is asked on the thread. Raises Unavailable."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._on_thread, ask)
        except TimeoutError:
            raise Unavailable(f"{self._path}: no answer within {PATIENCE} s") from None
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise Unavailable(f"{self._path}: {error}") from error

    def _on_thread(self, ask: Callable[[sqlite3.Connection], Result]) -> Result:
        if self._database is None:
            self._database = prepare(self._path)
        return ask(self._database)

    # Documents and their audit log

    async def documents(self) -> dict[str, Document | None]:
        rows = await self._do(lambda db: db.execute("SELECT rollout, stored FROM documents").fetchall())
        for rollout, stored in rows:
            await self._renew(rollout, stored)
        return {rollout: self._envelope.document_or_none(rollout, stored) for rollout, stored in rows}

    async def document(self, rollout: str) -> Document | None:
        stored = work.value(await self._do(lambda db: db.execute(work.DOCUMENT, (rollout,)).fetchone()))
        if stored is None:
            return None
        await self._renew(rollout, stored)
        return self._envelope.open_document(rollout, stored)

    async def _renew(self, rollout: str, stored: bytes) -> None:
        """Signs a document anew that was signed with an older key, unless it has changed since."""
        renewed = self._envelope.renewed_document(rollout, stored)
        if renewed is not None:
            update = "UPDATE documents SET stored = ? WHERE rollout = ? AND stored = ?"
            await self._do(lambda db: db.execute(update, (renewed, rollout, stored)))

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
        logged = None if entry is None else self._envelope.entry(rollout, entry)

        def change(database: sqlite3.Connection) -> None:
            with work.transaction(database, durable=True):
                before = work.value(database.execute(work.DOCUMENT, (rollout,)).fetchone())
                if before == stored:
                    return
                revision = Envelope.revision(before)
                if revision != expected:
                    raise Conflict(f"{rollout} is at revision {revision}, not {expected}", revision)
                if lease is not None:
                    newest = work.value(database.execute(work.TOKEN, (lease.name,)).fetchone())
                    if newest is not None and newest != lease.token:
                        raise Fenced(f"the lease {lease.name} has passed on", revision)
                database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (rollout, stored))
                if entry is not None and logged is not None:
                    work.log(database, rollout, entry.time, logged)

        await self._do(change)
        for listener in self._listeners:
            listener.put_nowait(rollout)

    async def append(self, rollout: str, entry: Entry) -> None:
        logged = self._envelope.entry(rollout, entry)

        def change(database: sqlite3.Connection) -> None:
            with work.transaction(database):
                work.log(database, rollout, entry.time, logged)

        await self._do(change)

    async def history(self, rollout: str, limit: int = AUDIT_KEPT) -> list[Entry]:
        select = "SELECT stored FROM audit WHERE rollout = ? ORDER BY time DESC, stored DESC LIMIT ?"
        rows = await self._do(lambda db: db.execute(select, (rollout, limit)).fetchall())
        return [self._envelope.open_entry(rollout, stored) for (stored,) in reversed(rows)]

    async def news(self) -> AsyncIterator[str]:
        listener: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(listener)
        try:
            yield ""
            while True:
                yield await listener.get()
        finally:
            self._listeners.discard(listener)

    # Leases, secrets, replicas

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease | None:
        lasting = round(ttl * MILLISECONDS)

        def change(database: sqlite3.Connection) -> Lease | None:
            now = _now()
            held = work.renew(database, name, holder, now, now + lasting)
            if held is not None:
                return Lease(name, holder, held)
            with work.transaction(database, durable=True):
                row = database.execute(
                    "SELECT token, until, holder FROM leases WHERE name = ?", (name,)
                ).fetchone()
                token, until, owner = row or (0, 0, "")
                if until > now and owner != holder:
                    return None
                if until <= now:
                    token = max(token + 1, now)
                values = (name, token, now + lasting, holder)
                database.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", values)
                return Lease(name, holder, token)

        return await self._do(change)

    async def release(self, lease: Lease) -> None:
        update = "UPDATE leases SET until = 0 WHERE name = ? AND token = ? AND holder = ?"
        await self._do(lambda db: db.execute(update, (lease.name, lease.token, lease.holder)))

    async def claim(self, name: str, proposal: bytes) -> bytes:
        proposed = self._envelope.secret(name, proposal)

        def change(database: sqlite3.Connection) -> bytes:
            known: bytes | None = work.value(database.execute(work.SECRET, (name,)).fetchone())
            if known is not None and self._envelope.renewed_secret(name, known) is None:
                return known
            with work.transaction(database, durable=True):
                database.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, proposed))
                stored: bytes = work.value(database.execute(work.SECRET, (name,)).fetchone())
                renewed = self._envelope.renewed_secret(name, stored)
                if renewed is not None:
                    database.execute("UPDATE secrets SET stored = ? WHERE name = ?", (renewed, name))
                return stored

        return self._envelope.open_secret(name, await self._do(change))

    async def beat(self, replica: str, body: Mapping[str, Any], ttl: float) -> None:
        values = (replica, _now() + round(ttl * MILLISECONDS), self._envelope.beat(replica, body))
        insert = "INSERT OR REPLACE INTO replicas VALUES (?, ?, ?)"
        await self._do(lambda db: db.execute(insert, values))

    async def replicas(self) -> dict[str, Mapping[str, Any]]:
        select = "SELECT replica, stored FROM replicas WHERE until > ?"
        rows = await self._do(lambda db: db.execute(select, (_now(),)).fetchall())
        return self._envelope.open_beats(rows)

    # Evidence

    async def apply(self, rollout: str, epoch: int, facts: Facts, depth: int = 3) -> Applied:
        changed = 0
        for cohort, units in facts.items():
            for part in batch.parts(units, PART):
                done = await self._do(
                    partial(work.apply, rollout=rollout, epoch=epoch, cohort=cohort, units=part, depth=depth)
                )
                changed += done.changed
                if done.ended:
                    return Applied(changed, True)
        return Applied(changed, False)

    async def count(self, rollout: str, epoch: int, sender: bytes, number: int, counts: Counts) -> None:
        await self._do(lambda db: work.count(db, rollout, epoch, sender, number, counts))

    async def evidence(self, rollout: str, epoch: int) -> Evidence:
        select = "SELECT name, count FROM cells WHERE rollout = ? AND epoch = ?"
        rows = await self._do(lambda db: db.execute(select, (rollout, epoch)).fetchall())
        return batch.evidence_of(rows)

    async def end_epoch(self, rollout: str, epoch: int, keep: float) -> None:
        until = _now() + round(keep * MILLISECONDS)

        def change(database: sqlite3.Connection) -> None:
            with work.transaction(database):
                ended = work.value(database.execute(work.ENDED, (rollout,)).fetchone()) or 0
                values = (rollout, max(epoch, ended))
                database.execute("INSERT OR REPLACE INTO ended VALUES (?, ?)", values)
                database.execute("INSERT OR IGNORE INTO forgotten VALUES (?, ?, ?)", (rollout, epoch, until))

        await self._do(change)

    # Outcomes

    async def record(
        self, reports: Mapping[Handle, Sequence[Report]], ttl: float
    ) -> dict[Handle, list[Receipt]]:
        until = _now() + round(ttl * MILLISECONDS)
        receipts: dict[Handle, list[Receipt]] = {}
        for part in batch.parts(reports, PART):
            receipts |= await self._do(partial(work.record, reports=part, until=until))
        return receipts

    async def outcomes(self, request: Handle) -> Outcomes:
        select, name = "SELECT stored FROM outcomes WHERE request = ?", batch.request_name(request)
        row = await self._do(lambda db: db.execute(select, (name,)).fetchone())
        return batch.outcomes_of(work.value(row) or b"")

    # Homes of stored responses

    async def keep_homes(self, homes: Mapping[bytes, bytes], ttl: float) -> None:
        until = _now() + round(ttl * MILLISECONDS)
        for part in batch.parts(homes, PART):
            rows = [(name, until, self._envelope.home(name, value)) for name, value in part.items()]
            await self._do(partial(work.keep_homes, rows=rows))

    async def home(self, name: bytes) -> bytes | None:
        select = "SELECT stored FROM homes WHERE response = ? AND until > ?"
        row = await self._do(lambda db: db.execute(select, (name, _now())).fetchone())
        return self._envelope.open_home(name, work.value(row))

    # Upkeep

    async def settle(self) -> None:
        # In WAL mode a checkpoint brings the log to the disk before it touches the file itself.
        await self._do(lambda db: db.execute("PRAGMA wal_checkpoint(FULL)").fetchall())

    async def sweep(self) -> None:
        await self._do(partial(work.sweep, now=_now()))

    async def close(self) -> None:
        def shut() -> None:
            if self._database is not None:
                self._database.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, shut)
        self._thread.shutdown(wait=False)


def _now() -> int:
    return round(time() * MILLISECONDS)
