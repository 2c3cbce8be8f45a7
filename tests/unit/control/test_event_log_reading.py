"""What docs/event-log.md says about reading works: its very queries, on a log that is being written."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from config.load import parse
from gateway.channel.outcomes import Reported
from gateway.control.event_log.events import Content
from gateway.control.event_log.redaction import Redaction
from tests.support.event_log import NOON, Clock, Log, exposure, segments
from tests.unit.config.made import SMALL

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/event-log.md").read_text()
VIEWS, *QUERIES = re.findall(r"^```sql\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
DAY = 86_400.0


async def write(state: Path) -> None:
    """Two days of 20 requests each: 15 of tuned, of which 12 pass, and 5 of base, of which 3 pass and one is
    never told of. One of base contradicts itself, one has no price."""
    clock = Clock()
    log = Log(state / "log", clock, content=True)
    for number in range(40):
        day, turn = divmod(number, 20)
        clock.now = time = NOON + day * DAY + turn
        variant = "tuned" if turn < 15 else "base"
        cost = -1.0 if number == 39 else 0.01 if variant == "tuned" else 0.04
        log.expose(
            exposure(number, time=time, cost=cost, items=10), variant=variant, served=variant, weight=7_500,
            content=Content([{"role": "user", "content": f"problem {number}"}], "42"),
        )  # fmt: skip
        if turn != 19:
            report = Reported("an id", validation_passed=turn not in (3, 5, 7, 18))
            log.outcome(number.to_bytes(12, "big"), time + 60, "application", report, "recorded")
        if turn == 18:
            report = Reported("an id", validation_passed=True)
            log.outcome(number.to_bytes(12, "big"), time + 90, "application", report, "conflict")
        await log.flush()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """A database with the document's views, over a log of two segments whose last frame is torn."""
    asyncio.run(write(tmp_path))
    first, last = segments(tmp_path / "log")
    with open(last, "ab") as file:
        file.write(first.read_bytes()[:40])
    monkeypatch.chdir(tmp_path)
    connection = duckdb.connect()
    connection.execute(VIEWS)
    return connection


def rows(database: duckdb.DuckDBPyConnection, beginning: str) -> list[dict[str, Any]]:
    """The result of the document's query that begins so."""
    (query,) = [query for query in QUERIES if query.startswith(beginning)]
    result = database.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_document_has_an_answer(database: duckdb.DuckDBPyConnection, query: str) -> None:
    assert database.execute(query).fetchall()


def test_pass_rate_and_cost_by_variant(database: duckdb.DuckDBPyConnection) -> None:
    base, tuned = rows(database, "SELECT route, segment, variant")
    assert tuned == {
        "route": "solver", "segment": "hard", "variant": "tuned", "requests": 30, "validated": 30,
        "pass_percent": 80.0, "usd": pytest.approx(0.3), "usd_per_success": pytest.approx(0.3 / 24),
    }  # fmt: skip
    assert (base["requests"], base["validated"], base["pass_percent"]) == (10, 8, 75.0)
    assert base["usd"] == pytest.approx(9 * 0.04)
    assert base["usd_per_success"] == pytest.approx(8 * 0.04 / 6)


def test_the_same_by_day(database: duckdb.DuckDBPyConnection) -> None:
    told = [(row["day"], row["variant"], row["requests"]) for row in rows(database, "SELECT time::DATE")]
    days = date(2026, 11, 21), date(2026, 11, 22)
    assert told == [(day, *rest) for day in days for rest in (("base", 5), ("tuned", 15))]


def test_what_each_application_spent(database: duckdb.DuckDBPyConnection) -> None:
    (row,) = rows(database, "SELECT application")
    assert (row["items"], row["tokens_in"], row["tokens_out"], row["unpriced"]) == (400, 4800, 1360, 1)
    assert row["usd_per_1000_items"] == pytest.approx(1000 * 0.66 / 390)


def test_how_long_outcomes_take(database: duckdb.DuckDBPyConnection) -> None:
    assert rows(database, "SELECT route, round(100 * avg((reported") == [
        {"route": "solver", "coverage_percent": 95.0, "seconds_p95": 60.0}
    ]


def test_what_went_wrong_is_shown_with_its_prompt(database: duckdb.DuckDBPyConnection) -> None:
    found = rows(database, "SELECT time, variant, prompt")
    assert found[0]["prompt"] == '[{"role":"user","content":"problem 38"}]'
    assert len(found) == 8


def test_the_documents_configurations_are_valid() -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE):
        text = SMALL + "    variant: base\n" + block
        capture = parse(text, base=ROOT, environ={}).config.capture
    redaction = Redaction(capture.redact)
    written = "Call 010-1234-5678 or a.b@mail.example.com; card 4111 1111 1111 1111. Order 12."
    assert redaction.of_text(written) == "Call [redacted] or [redacted]; card [redacted]. Order 12."
