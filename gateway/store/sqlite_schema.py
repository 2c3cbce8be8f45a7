"""The tables of the SQLite store."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from time import sleep

from gateway.store.batch import CODES, UNIT_NAME
from routing.decision import COMPARED
from routing.evidence.fact import Cohort

BUSY = 0.3
"""Seconds that a transaction waits for another process's, such as a backup's."""

ATTEMPTS = 10

VERSION = 4
"""Kept in the file as `user_version`; a file of a newer version is not touched."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (rollout TEXT PRIMARY KEY, stored BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
    rollout TEXT, time INTEGER, stored BLOB, PRIMARY KEY (rollout, time, stored)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, token INTEGER, until INTEGER, holder TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, stored BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replicas (
    replica TEXT PRIMARY KEY, until INTEGER, stored BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended (rollout TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (
    rollout TEXT, epoch INTEGER, until INTEGER, PRIMARY KEY (rollout, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
    rollout TEXT, epoch INTEGER, name TEXT, count INTEGER NOT NULL, PRIMARY KEY (rollout, epoch, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS senders (
    rollout TEXT, epoch INTEGER, sender BLOB, number INTEGER NOT NULL, PRIMARY KEY (rollout, epoch, sender)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scopes (
    scope INTEGER PRIMARY KEY, rollout TEXT NOT NULL, epoch INTEGER NOT NULL, UNIQUE (rollout, epoch)
);
CREATE TABLE IF NOT EXISTS states (
    number INTEGER PRIMARY KEY, scope INTEGER NOT NULL, unit INTEGER NOT NULL, side INTEGER NOT NULL,
    state BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS states_unit ON states (scope, unit, side);
CREATE TABLE IF NOT EXISTS outcomes (
    request BLOB PRIMARY KEY, until INTEGER, stored BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outcomes_until ON outcomes (until);
CREATE TABLE IF NOT EXISTS homes (
    response BLOB PRIMARY KEY, until INTEGER, stored BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS homes_until ON homes (until);
"""
"""Times are milliseconds since 1970. A name in `outcomes` begins with the request's time.

`states` are those of units. Where users are many and their hashes lie anywhere, what a batch costs is the
pages that it touches: so states lie in the order in which they came, and only an index of small entries in
that of the units. `scope` stands for rollout and epoch, `side` for the cohort (`side_of`), `unit` is the hash
less `UNSIGNED`.
"""

UNSIGNED = 1 << 63
"""Makes the hash of a unit an integer of SQLite's, in the same order."""
_SIDE = 4


def side_of(cohort: Cohort) -> int:
    """What stands for a cohort in its scope."""
    return cohort.period << _SIDE | CODES[cohort.compared]


def prepare(path: Path) -> sqlite3.Connection:
    """The open database, its tables made if need be. Raises sqlite3.Error or OSError."""
    # Made here so that it is its owner's only; what SQLite puts beside it takes the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
    try:
        _log_ahead(database)
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA wal_autocheckpoint = 8000")
        database.execute("BEGIN IMMEDIATE")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise sqlite3.DatabaseError("it was written by a newer Headgate")
        if version < VERSION:
            for statement in SCHEMA.split(";"):
                database.execute(statement)
            if 0 < version < 4:
                _take_over_units(database)
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _take_over_units(database: sqlite3.Connection) -> None:
    """Brings over the units of an older version, which kept each under a name."""

    def place(name: bytes, at: int) -> int:
        period, code, unit = UNIT_NAME.unpack(name)
        return (unit - UNSIGNED, side_of(Cohort(period, COMPARED[code])))[at]

    database.create_function("place", 2, place, deterministic=True)
    database.execute("INSERT INTO scopes (rollout, epoch) SELECT DISTINCT rollout, epoch FROM units")
    database.execute(
        "INSERT INTO states (scope, unit, side, state) SELECT scope, place(name, 0), place(name, 1), state"
        " FROM units JOIN scopes USING (rollout, epoch)"
    )
    database.execute("DROP TABLE units")


def _log_ahead(database: sqlite3.Connection) -> None:
    """Switches to WAL mode. Of several that do so at once SQLite refuses all but one without waiting."""
    for _ in range(ATTEMPTS):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            sleep(BUSY / ATTEMPTS)
        else:
            return
    database.execute("PRAGMA journal_mode = WAL")
