"""The SQLite store's transactions on evidence and outcomes, carried out on its thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gateway.store import batch
from gateway.store.base import AUDIT_KEPT, Applied, Handle
from gateway.store.sqlite_schema import UNSIGNED, side_of
from routing.evidence.fact import Cohort, Fact
from routing.evidence.outcomes import Receipt, Report
from routing.evidence.tally import Counts

DOCUMENT = "SELECT stored FROM documents WHERE rollout = ?"
TOKEN = "SELECT token FROM leases WHERE name = ?"
SECRET = "SELECT stored FROM secrets WHERE name = ?"
ENDED = "SELECT epoch FROM ended WHERE rollout = ?"

SWEPT = 2_000
"""Rows deleted at once."""


def value(row: tuple[Any, ...] | None) -> Any:
    """The only column of a row; None without one."""
    return None if row is None else row[0]


@contextmanager
def transaction(database: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """One transaction; a durable one is on the disk when this ends."""
    if durable:
        database.execute("PRAGMA synchronous = FULL")
    try:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.execute("COMMIT")
        except BaseException:
            # After a full disk SQLite may have rolled back by itself.
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
    finally:
        if durable:
            database.execute("PRAGMA synchronous = NORMAL")


def renew(database: sqlite3.Connection, name: str, holder: str, now: int, until: int) -> int | None:
    """The token of a lease that is held, now `until` then; None of one that is not.

    Not durable: what a loss of power takes back would have run out by the time the power is back.
    """
    with transaction(database):
        held = "SELECT token FROM leases WHERE name = ? AND holder = ? AND until > ?"
        token: int | None = value(database.execute(held, (name, holder, now)).fetchone())
        if token is not None:
            database.execute("UPDATE leases SET until = ? WHERE name = ?", (until, name))
    return token


def log(database: sqlite3.Connection, rollout: str, time: int, stored: bytes) -> None:
    """Adds an audit entry and drops what is too much."""
    database.execute("INSERT OR IGNORE INTO audit VALUES (?, ?, ?)", (rollout, time, stored))
    of_rollout = "FROM audit WHERE rollout = ?1"
    oldest = f"SELECT time, stored {of_rollout} ORDER BY time DESC, stored DESC LIMIT 1 OFFSET ?2"
    database.execute(f"DELETE {of_rollout} AND (time, stored) < ({oldest})", (rollout, AUDIT_KEPT - 1))


def apply(
    database: sqlite3.Connection,
    rollout: str,
    epoch: int,
    cohort: Cohort,
    units: Mapping[int, Sequence[Fact]],
    depth: int,
) -> Applied:
    """Folds facts of a cohort into their units, and what that changes into the cells."""
    with transaction(database):
        ended = value(database.execute(ENDED, (rollout,)).fetchone())
        if ended is not None and epoch <= ended:
            return Applied(0, True)
        scope, side = _scope(database, rollout, epoch), side_of(cohort)
        marks = ",".join("?" * len(units))
        select = f"SELECT unit, number, state FROM states WHERE scope = ? AND side = ? AND unit IN ({marks})"
        numbers: dict[int, int] = {}
        states: dict[int, bytes] = {}
        for stored, number, state in database.execute(select, (scope, side, *[u - UNSIGNED for u in units])):
            unit = stored + UNSIGNED
            numbers[unit], states[unit] = number, state
        changed, counts = batch.advance(cohort, states, units, depth)
        database.executemany(
            "INSERT INTO states (scope, unit, side, state) VALUES (?, ?, ?, ?)",
            [(scope, u - UNSIGNED, side, state) for u, state in changed.items() if u not in numbers],
        )
        if numbers:
            database.executemany(
                "UPDATE states SET state = ? WHERE number = ?",
                [(state, numbers[u]) for u, state in changed.items() if u in numbers],
            )
        _move(database, rollout, epoch, counts)
        return Applied(len(changed), False)


def _scope(database: sqlite3.Connection, rollout: str, epoch: int) -> int:
    """The number that stands for the epoch of a rollout."""
    select = "SELECT scope FROM scopes WHERE rollout = ? AND epoch = ?"
    scope: int | None = value(database.execute(select, (rollout, epoch)).fetchone())
    if scope is None:
        insert = "INSERT INTO scopes (rollout, epoch) VALUES (?, ?)"
        scope = database.execute(insert, (rollout, epoch)).lastrowid
        assert scope is not None
    return scope


def count(
    database: sqlite3.Connection, rollout: str, epoch: int, sender: bytes, number: int, counts: Counts
) -> None:
    """Moves counters, unless that has been done."""
    with transaction(database):
        ended = value(database.execute(ENDED, (rollout,)).fetchone())
        if ended is not None and epoch <= ended:
            return
        known = database.execute(
            "INSERT INTO senders VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number"
            " WHERE excluded.number > number", (rollout, epoch, sender, number),
        )  # fmt: skip
        if known.rowcount:
            _move(database, rollout, epoch, counts)


def _move(database: sqlite3.Connection, rollout: str, epoch: int, counts: Counts) -> None:
    database.executemany(
        "INSERT INTO cells VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(rollout, epoch, name, moved) for name, moved in counts.items()],
    )


def record(
    database: sqlite3.Connection, reports: Mapping[Handle, Sequence[Report]], until: int
) -> dict[Handle, list[Receipt]]:
    """Notes reports of outcomes, kept until a time."""
    receipts: dict[Handle, list[Receipt]] = {}
    rows = []
    with transaction(database):
        for request, told in reports.items():
            name = batch.request_name(request)
            row = database.execute("SELECT stored FROM outcomes WHERE request = ?", (name,)).fetchone()
            stored: bytes = value(row) or b""
            noted, receipts[request] = batch.noted(stored, told)
            if noted != stored:
                rows.append((name, until, noted))
        database.executemany(
            "INSERT INTO outcomes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " stored = excluded.stored, until = max(until, excluded.until)",
            rows,
        )
    return receipts


def keep_homes(database: sqlite3.Connection, rows: Sequence[tuple[bytes, int, bytes]]) -> None:
    """Keeps homes of responses until a time."""
    with transaction(database):
        database.executemany("INSERT OR REPLACE INTO homes VALUES (?, ?, ?)", rows)


def sweep(database: sqlite3.Connection, now: int) -> None:
    """Deletes some of what is past its time."""
    with transaction(database):
        some = "SELECT request FROM outcomes WHERE until <= ? LIMIT ?"
        database.execute(f"DELETE FROM outcomes WHERE request IN ({some})", (now, SWEPT))
        some = "SELECT response FROM homes WHERE until <= ? LIMIT ?"
        database.execute(f"DELETE FROM homes WHERE response IN ({some})", (now, SWEPT))
        database.execute("DELETE FROM replicas WHERE until <= ?", (now,))
        due = "SELECT rollout, epoch FROM forgotten WHERE until <= ? LIMIT 1"
        epoch = database.execute(due, (now,)).fetchone()
        if epoch is None:
            return
        database.execute("DELETE FROM cells WHERE rollout = ? AND epoch = ?", epoch)
        database.execute("DELETE FROM senders WHERE rollout = ? AND epoch = ?", epoch)
        scope = "SELECT scope FROM scopes WHERE rollout = ?1 AND epoch = ?2"
        some = f"SELECT number FROM states WHERE scope = ({scope}) LIMIT ?3"
        states = f"DELETE FROM states WHERE number IN ({some})"
        if database.execute(states, (*epoch, SWEPT)).rowcount < SWEPT:
            database.execute("DELETE FROM scopes WHERE rollout = ? AND epoch = ?", epoch)
            database.execute("DELETE FROM forgotten WHERE rollout = ? AND epoch = ?", epoch)
