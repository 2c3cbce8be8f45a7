"""The breaker: when a variant is passed over, and when it is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.breaker import CALM, PATIENCE, WINDOW, Breaker, least_bad
from routing.fallback import CONSEQUENCES, Result
from routing.snapshot import BreakerRule

RULE = BreakerRule()
FAILED = Result.SERVER_ERROR
IGNORED = [result for result in Result if result is not Result.OK and not CONSEQUENCES[result].breaker]


def fail(breaker: Breaker, now: float, times: int = 3) -> None:
    for _ in range(times):
        breaker.ended(FAILED, now)


def test_closed_to_begin_with() -> None:
    breaker = Breaker(RULE)
    assert breaker.closed and breaker.admits(0.0) and breaker.share(0.0) == 0.0


def test_errors_in_a_row_open_it() -> None:
    breaker = Breaker(RULE)
    fail(breaker, 10.0, 2)
    breaker.ended(Result.OK, 10.0)
    fail(breaker, 10.0, 2)
    assert breaker.closed
    fail(breaker, 10.0, 1)
    assert not breaker.closed and not breaker.admits(10.0) and not breaker.admits(10.99)


@pytest.mark.parametrize("result", IGNORED)
def test_what_is_not_the_upstreams_fault_is_ignored(result: Result) -> None:
    breaker = Breaker(RULE)
    fail(breaker, 0.0, 2)
    for _ in range(100):
        breaker.ended(result, 0.0)
    assert breaker.closed
    fail(breaker, 0.0, 1)
    assert not breaker.closed


def test_a_share_of_errors_among_enough_calls_opens_it() -> None:
    breaker = Breaker(RULE)
    for call in range(28):
        breaker.ended(FAILED if call % 4 == 0 else Result.OK, 1.0)
    assert breaker.closed and breaker.share(1.0) == 0.25
    breaker.ended(FAILED, 1.0)
    assert breaker.closed  # 29 calls are not enough
    breaker.ended(FAILED, 1.0)
    assert not breaker.closed


def test_errors_of_long_ago_are_forgotten() -> None:
    breaker = Breaker(BreakerRule(errors=1_000))
    for call in range(29):
        breaker.ended(FAILED, call * 0.1)
    breaker.ended(Result.OK, WINDOW + 5.0)
    assert breaker.share(WINDOW + 5.0) == 29 / 30
    assert breaker.share(3 * WINDOW + 10.0) == 0.0
    breaker.ended(FAILED, 3 * WINDOW + 10.0)
    assert breaker.closed


def test_one_probe_after_the_pause() -> None:
    breaker = Breaker(RULE)
    fail(breaker, 0.0)
    assert breaker.admits(1.0)
    assert not breaker.admits(1.0) and not breaker.admits(1.5)
    breaker.ended(Result.OK, 2.0)
    assert breaker.closed and breaker.admits(2.0) and breaker.share(2.0) == 0.0


def test_a_probe_that_is_never_heard_of_again() -> None:
    breaker = Breaker(RULE)
    fail(breaker, 0.0)
    assert breaker.admits(1.0) and not breaker.admits(PATIENCE) and breaker.admits(1.0 + PATIENCE)


@pytest.mark.parametrize("result", IGNORED)
def test_a_probe_that_says_nothing_is_sent_again(result: Result) -> None:
    breaker = Breaker(RULE)
    fail(breaker, 0.0)
    assert breaker.admits(1.0)
    breaker.ended(result, 1.1)
    assert not breaker.closed and breaker.admits(1.1)


def test_pauses_double_up_to_the_longest() -> None:
    breaker, now, pauses = Breaker(RULE), 0.0, []
    fail(breaker, now)
    for _ in range(9):
        pauses.append(breaker.until - now)
        now = breaker.until
        assert breaker.admits(now)
        breaker.ended(FAILED, now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_calm_while_makes_pauses_short_again() -> None:
    breaker = Breaker(RULE)
    for now in (0.0, 1.0, 3.0):  # two failed probes
        fail(breaker, now, 3 if now == 0.0 else 1)
    assert breaker.until == 7.0
    breaker.ended(Result.OK, 7.0)
    fail(breaker, 8.0)
    assert breaker.until == 16.0  # no calm: twice as long again
    breaker.ended(Result.OK, 16.0)
    fail(breaker, 16.0 + 3 * CALM)
    assert breaker.until == 16.0 + 3 * CALM + 2.0


def test_answers_of_earlier_calls_do_not_close_it() -> None:
    breaker = Breaker(RULE)
    fail(breaker, 0.0)
    breaker.ended(Result.OK, 0.5)
    fail(breaker, 0.6, 5)
    assert breaker.until == 1.0


def test_the_least_bad() -> None:
    worst, better, later = Breaker(RULE), Breaker(RULE), Breaker(RULE)
    fail(worst, 0.0)
    for breaker, now in ((better, 0.0), (later, 0.5)):
        breaker.ended(Result.OK, now)
        fail(breaker, now)
    assert least_bad([worst, better], 0.9) == 1
    assert least_bad([later, worst, better], 0.9) == 2


@given(
    st.lists(st.tuples(st.floats(0.0, 5.0), st.sampled_from([*Result, None])), max_size=200),
    st.builds(
        BreakerRule,
        errors=st.integers(1, 5), ratio=st.integers(1, 10_000), requests=st.integers(1, 50),
    ),
)  # fmt: skip
def test_invariants(events: list[tuple[float, Result | None]], rule: BreakerRule) -> None:
    breaker, now, probes, errors = Breaker(rule), 0.0, 0, 0
    for wait, result in events:
        now += wait
        was_open = not breaker.closed
        if result is None:
            admitted = breaker.admits(now)
            assert admitted or was_open  # a closed breaker holds nobody back
            assert not (admitted and was_open and now < breaker.until)  # an open one does
            if admitted and was_open:
                probes += 1
        else:
            breaker.ended(result, now)
            errors += CONSEQUENCES[result].breaker
            if not was_open and not breaker.closed:
                assert CONSEQUENCES[result].breaker  # only an error opens it
            if was_open and breaker.closed:
                assert result is Result.OK  # only an answer closes it
        if not breaker.closed:
            assert errors and breaker.until <= now + rule.longest_pause
        assert 0.0 <= breaker.share(now) <= 1.0
