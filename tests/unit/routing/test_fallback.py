"""The failure table."""

from __future__ import annotations

import pytest

from routing.fallback import CONSEQUENCES, Result, after, of_status


def test_every_result_has_its_consequence() -> None:
    assert set(CONSEQUENCES) == set(Result)
    for result in Result:
        assert after(result, ambiguous=False) == CONSEQUENCES[result]


def test_what_was_perhaps_done_is_repeated_only_where_allowed() -> None:
    assert not after(Result.AMBIGUOUS, ambiguous=False).retry
    assert after(Result.AMBIGUOUS, ambiguous=True).retry and after(Result.AMBIGUOUS, ambiguous=True).fallback
    assert not after(Result.TIMEOUT, ambiguous=True).retry


@pytest.mark.parametrize(("wait", "retry"), [(None, False), (0.0, True), (1.0, True), (1.1, False)])
def test_a_429_is_retried_when_the_wait_is_short(wait: float | None, retry: bool) -> None:
    follows = after(Result.RATE_LIMITED, ambiguous=False, retry_after=wait)
    assert (follows.retry, follows.fallback, follows.breaker) == (retry, True, False)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, "ok"), (302, "ok"), (400, "rejected"), (401, "denied"), (402, "denied"), (403, "denied"),
     (404, "denied"), (413, "rejected"), (422, "rejected"), (429, "rate_limited"), (500, "server_error"),
     (599, "server_error")],
)  # fmt: skip
def test_statuses(status: int, result: str) -> None:
    assert of_status(status).value == result


def test_a_429_for_want_of_money_is_no_limit_of_the_rate() -> None:
    assert of_status(429, quota=True) is Result.DENIED
