"""What is said of upstreams that do not serve, and how often."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.data.attempt import Attempt
from gateway.data.trouble import Troubles
from routing.breaker import Breaker
from routing.fallback import Result
from routing.snapshot import BreakerRule, Variant

VARIANT = Variant("tuned", 1, "openai", "m")


class Said(list[logging.LogRecord]):
    """What has been said."""

    level = logging.INFO

    def handle(self, record: logging.LogRecord) -> None:
        self.append(record)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    said, log = Said(), logging.getLogger("headgate.worker")
    log.addHandler(said)  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, log.name):
        yield said
    log.removeHandler(said)  # type: ignore[arg-type]


def unreachable(variant: Variant = VARIANT) -> Attempt:
    attempt = Attempt(variant, 0.0)
    attempt.result, attempt.detail = Result.REFUSED, "connection refused"
    return attempt


def fields(record: Any) -> dict[str, Any]:
    return dict(record.fields)


def test_once_a_minute_with_how_many_were_left_out(said):
    troubles = Troubles()
    for now in (5.0, 6.0, 64.9, 65.0, 66.0):
        troubles.failed("solver", unreachable(), now)
    first, second = said
    line = "upstream openai cannot be reached (connection refused) for route solver, variant tuned"
    assert first.getMessage() == line
    assert second.getMessage() == f"{line}; 2 like it since this was last said"
    assert [fields(one)["left_out"] for one in said] == [0, 2]


def test_every_variant_of_every_route_has_lines_of_its_own(said):
    troubles = Troubles()
    for route, name in (("solver", "tuned"), ("solver", "base"), ("chat", "tuned"), ("chat", "tuned")):
        troubles.failed(route, unreachable(Variant(name, 1, "openai", "m")), 1.0)
    places = [(fields(one)["route"], fields(one)["variant"]) for one in said]
    assert places == [("solver", "tuned"), ("solver", "base"), ("chat", "tuned")]


@pytest.mark.parametrize("result", [result for result in Result if result is not Result.REFUSED])
def test_what_counters_tell_is_not_said(said, result):
    attempt = unreachable()
    attempt.result = result
    Troubles().failed("solver", attempt, 1.0)
    assert not said


class Watched:
    """A breaker of which every turn is told."""

    def __init__(self, troubles: Troubles) -> None:
        self.breaker = Breaker(BreakerRule(pause=1.0))
        self._troubles = troubles

    def ended(self, result: Result, now: float) -> None:
        until = self.breaker.until
        self.breaker.ended(result, now)
        if self.breaker.until != until:
            attempt = Attempt(VARIANT, now)
            attempt.result = result
            self._troubles.turned("solver", attempt, self.breaker, now)

    def opens(self, now: float) -> None:
        for _ in range(3):
            self.ended(Result.SERVER_ERROR, now)


def events(said: list[logging.LogRecord]) -> list[str]:
    return [fields(record)["event"] for record in said]


def test_a_breaker_that_opens_and_closes(said):
    watched = Watched(Troubles())
    watched.opens(10.0)
    watched.ended(Result.SERVER_ERROR, 11.0)  # a probe: nothing new
    watched.ended(Result.OK, 13.0)
    opened, closed = said
    assert opened.getMessage() == (
        "the breaker of route solver, variant tuned (upstream openai) has opened for 1 s: 3 errors in a row, "
        "100 % of the latest calls, the last one server_error"
    )
    assert fields(opened)["pause_seconds"] == 1.0 and fields(opened)["errors_in_row"] == 3
    assert closed.getMessage() == "the breaker of route solver, variant tuned (upstream openai) has closed"
    assert (opened.levelname, closed.levelname) == ("WARNING", "INFO")


def test_one_that_opens_and_closes_all_the_time_is_told_of_once_a_minute(said):
    watched, now = Watched(Troubles()), 10.0
    while now < 69.0:
        watched.opens(now)
        now = watched.breaker.until
        watched.ended(Result.OK, now)
    assert events(said) == ["breaker_opened", "breaker_closed"]


def test_one_that_stays_open_is_told_of_as_soon_as_it_may_be(said):
    watched = Watched(Troubles())
    watched.opens(10.0)
    watched.ended(Result.OK, 11.0)
    watched.opens(12.0)
    assert events(said) == ["breaker_opened", "breaker_closed"]
    while watched.breaker.until < 71.0:
        watched.ended(Result.SERVER_ERROR, watched.breaker.until)
    watched.ended(Result.SERVER_ERROR, watched.breaker.until)
    watched.ended(Result.OK, watched.breaker.until)
    assert events(said)[2:] == ["breaker_opened", "breaker_closed"]


def test_one_that_a_reload_has_replaced_is_another_one(said):
    troubles = Troubles()
    Watched(troubles).opens(10.0)
    Watched(troubles).opens(100.0)
    assert events(said) == ["breaker_opened", "breaker_opened"]
