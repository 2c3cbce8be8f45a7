"""The store in a file: other processes, killed processes, full disks, and files that are not ours."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.store import sqlite, sqlite_schema, sqlite_work
from gateway.store.base import AUDIT_KEPT, Applied, Document, Entry, Handle, Store, Tampered, Unavailable
from gateway.store.batch import UNIT_NAME
from routing.evidence.fact import by_unit
from routing.evidence.outcomes import Report
from tests.support.place import (
    BRIEF,
    ROLLOUT,
    Place,
    facts,
    heard,
    one_unit,
    passed_cells,
    refused,
    run,
)

PROMISED = sqlite_schema.BUSY, sqlite.PATIENCE
"""As they are; tests raise them."""
WRITER = """
import asyncio, sys
from pathlib import Path
from routing.evidence.fact import by_unit
from tests.support.place import ROLLOUT, Place, facts, unhurried

async def main():
    unhurried()
    store = Place("sqlite", Path(sys.argv[1])).open()
    told = facts(2000)
    for start in range(0, 2000, 10):
        await store.apply(ROLLOUT, 1, by_unit(told[start : start + 10]))
        print(start, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty state directory."""
    return Place("sqlite", tmp_path)


def test_a_database_that_another_process_holds_is_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_schema, "BUSY", BRIEF)  # the only bound that can be met

    async def test(store: Store) -> None:
        await store.put(ROLLOUT, Document(1, {}), expected=0)
        other = sqlite3.connect(place.directory / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in str(await refused(store.put(ROLLOUT, Document(2, {}), expected=1)))
        assert await store.document(ROLLOUT) == Document(1, {})
        other.execute("COMMIT")
        other.close()
        await store.put(ROLLOUT, Document(2, {}), expected=1)
        # SQLite would wait for 5 s by itself.
        waits = await store._do(lambda db: db.execute("PRAGMA busy_timeout").fetchone())  # type: ignore[attr-defined]
        assert waits == (BRIEF * 1_000,)

    run(test, place)


def test_a_disk_that_does_not_answer_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, answering = threading.Event(), threading.Event()
    apply = sqlite_work.apply

    def stuck(*given: object, **named: object) -> Applied:
        begun.set()
        answering.wait()
        return apply(*given, **named)  # type: ignore[arg-type]

    async def test(store: Store) -> None:
        await store.apply(ROLLOUT, 1, one_unit(True))
        try:
            with monkeypatch.context() as hurried:
                hurried.setattr(sqlite_work, "apply", stuck)
                hurried.setattr(sqlite, "PATIENCE", BRIEF)
                while not begun.is_set():  # on a busy machine it may be given up before
                    assert "no answer" in str(await refused(store.apply(ROLLOUT, 1, one_unit(False))))
        finally:
            answering.set()
        # It was carried out after all; handing it in again changes nothing.
        assert await store.apply(ROLLOUT, 1, one_unit(False)) == Applied(0, False)
        assert passed_cells(await store.evidence(ROLLOUT, 1)) == {(20, 1): 1}

    run(test, place)


@pytest.mark.parametrize("after", [3, 40])
def test_what_was_applied_survives_kill_9(place: Place, after: int) -> None:
    command = [sys.executable, "-P", "-c", WRITER, str(place.directory)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(after):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)

    async def test(store: Store) -> None:
        told = facts(2_000)
        done = await store.apply(ROLLOUT, 1, by_unit(told[: (after - 1) * 10]))
        assert done == Applied(0, False)
        await store.apply(ROLLOUT, 1, by_unit(told))
        await store.apply("plain/all", 1, by_unit(told))
        assert await store.evidence(ROLLOUT, 1) == await store.evidence("plain/all", 1)

    run(test, place)


def test_a_full_disk_takes_nothing_half(place: Place) -> None:
    async def test(store: Store) -> None:
        await store.apply(ROLLOUT, 1, one_unit(True))
        database = store._database  # type: ignore[attr-defined]
        await store._do(lambda db: db.execute("PRAGMA max_page_count = 1"))  # type: ignore[attr-defined]
        entry = Entry(1, {"text": "x" * 100_000})
        with pytest.raises(Unavailable, match="full"):
            await store.put(ROLLOUT, Document(1, {}), expected=0, entry=entry)
        assert await store.document(ROLLOUT) is None
        assert not database.in_transaction
        await store._do(lambda db: db.execute("PRAGMA max_page_count = 100000"))  # type: ignore[attr-defined]
        await store.put(ROLLOUT, Document(1, {}), expected=0, entry=entry)

    run(test, place)


def test_a_directory_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        for _ in range(2):
            with pytest.raises(Unavailable, match="state.db"):
                await store.documents()

    run(test, Place("sqlite", tmp_path / "missing"))


def test_a_file_that_is_no_database_is_unavailable(place: Place) -> None:
    (place.directory / "state.db").write_bytes(b"not a database" * 100)

    async def test(store: Store) -> None:
        with pytest.raises(Unavailable, match="not a database"):
            await store.documents()

    run(test, place)


def test_a_file_of_a_newer_version_is_left_alone(place: Place) -> None:
    with sqlite3.connect(place.directory / "state.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()

    async def test(store: Store) -> None:
        with pytest.raises(Unavailable, match="newer"):
            await store.documents()

    run(test, place)


def test_units_of_an_older_version_are_taken_over(place: Place) -> None:
    """Version 3 kept each under rollout, epoch and a name."""

    def older(directory: Path) -> None:
        with sqlite3.connect(directory / "state.db") as database:
            rows = database.execute(
                "SELECT rollout, epoch, unit, side, state FROM states JOIN scopes USING (scope)"
            )
            old = [
                (rollout, epoch, UNIT_NAME.pack(side >> 4, side & 15, unit + (1 << 63)), state)
                for rollout, epoch, unit, side, state in rows
            ]
            database.execute(
                "CREATE TABLE units (rollout TEXT, epoch INTEGER, name BLOB, state BLOB NOT NULL,"
                " PRIMARY KEY (rollout, epoch, name)) WITHOUT ROWID"
            )
            database.executemany("INSERT INTO units VALUES (?, ?, ?, ?)", old)
            database.execute("DROP TABLE states")
            database.execute("DROP TABLE scopes")
            database.execute("PRAGMA user_version = 3")
        database.close()

    async def before(store: Store) -> None:
        for epoch in (1, 2):
            await store.apply(ROLLOUT, epoch, by_unit(facts(100)))

    async def after(store: Store) -> None:
        seen = await store.evidence(ROLLOUT, 1)
        for epoch in (1, 2):
            assert await store.apply(ROLLOUT, epoch, by_unit(facts(100))) == Applied(0, False)
        assert await store.evidence(ROLLOUT, 1) == seen
        assert (await store.apply(ROLLOUT, 3, by_unit(facts(100)))).changed > 0

    run(before, place)
    older(place.directory)
    run(after, place)


def test_the_file_is_its_owners_only(place: Place) -> None:
    async def test(store: Store) -> None:
        await store.documents()
        for file in place.directory.glob("state.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    run(test, place)


def test_a_closed_store_is_unavailable(place: Place) -> None:
    async def test(store: Store) -> None:
        await store.documents()
        await store.close()
        with pytest.raises(Unavailable):
            await store.documents()

    async def run_it() -> None:
        await test(place.open())

    asyncio.run(run_it())


def test_several_open_an_empty_directory_at_once(place: Place) -> None:
    async def test(*stores: Store) -> None:
        assert await asyncio.gather(*(store.documents() for store in stores)) == [{}] * 6

    run(test, *[place] * 6)


def test_sweeping_deletes_what_is_due_piece_by_piece(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_work, "SWEPT", 10)

    def rows(table: str) -> int:
        with sqlite3.connect(place.directory / "state.db") as database:
            found: int = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        database.close()
        return found

    async def test(store: Store) -> None:
        await store.apply(ROLLOUT, 1, by_unit(facts(400)))
        report = Report("1", "application", "score", 1.0, 5)
        await store.record({Handle(index, b"n" * 12): [report] for index in range(25)}, 0.0)
        await store.beat("a", {}, 0.0)
        await store.end_epoch(ROLLOUT, 1, keep=0.0)
        assert rows("states") > 20
        for _ in range(3):
            await store.sweep()
        assert (rows("outcomes"), rows("replicas"), rows("cells")) == (0, 0, 0)
        while rows("forgotten"):
            await store.sweep()
        assert rows("states") == 0
        assert rows("ended") == 1

    run(test, place)


def test_tampering_and_junk_are_noticed(place: Place) -> None:
    async def test(store: Store) -> None:
        await store.put(ROLLOUT, Document(3, {}), expected=0, entry=Entry(1, {}))
        await store.apply(ROLLOUT, 1, one_unit(True))
        with sqlite3.connect(place.directory / "state.db") as database:
            database.execute("UPDATE documents SET stored = CAST('4' || substr(stored, 2) AS BLOB)")
            database.execute("UPDATE states SET state = CAST('junk' AS BLOB)")
            database.execute("INSERT INTO cells VALUES (?, 1, 'junk', 1)", (ROLLOUT,))
        database.close()
        with pytest.raises(Tampered):
            await store.document(ROLLOUT)
        assert await store.apply(ROLLOUT, 1, one_unit(True)) == Applied(1, False)
        with pytest.raises(Tampered):
            await store.evidence(ROLLOUT, 1)

    run(test, place)


def test_the_log_of_another_time_is_bounded_too(place: Place) -> None:
    async def test(store: Store) -> None:
        for index in range(0, AUDIT_KEPT + 5):
            await store._do(  # type: ignore[attr-defined]
                lambda db, index=index: sqlite_work.log(db, ROLLOUT, 7, b"%05d" % index)
            )
        assert len(await store.history(ROLLOUT, AUDIT_KEPT * 2)) == AUDIT_KEPT

    run(test, place)


def test_news_stay_within_the_process(place: Place) -> None:
    async def test(one: Store, other: Store) -> None:
        news, elsewhere = one.news(), other.news()
        await heard(news, "")
        await heard(elsewhere, "")
        await one.put(ROLLOUT, Document(1, {}), expected=0)
        await heard(news, ROLLOUT)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(elsewhere), 0.1)  # whoever else reads the file polls

    run(test, place, place)


def test_the_time_to_wait_is_half_a_second() -> None:
    """What another process holds is said to be held: that is found out before."""
    busy, patience = PROMISED
    assert busy < patience <= 0.5
