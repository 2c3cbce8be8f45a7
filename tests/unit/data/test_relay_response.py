"""Streams of the Responses API: any events, in any pieces, come to the same, and end as they should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.data.endpoints import RESPONSES
from gateway.sse import EventTooLarge, PatientSplitter
from routing.cost import Usage
from routing.fallback import Result
from tests.fuzz.cuts import chunkings
from tests.fuzz.sse_target import Outcome, agree, play
from tests.support.responses import COMPLETED, CREATED, USAGE, delta, response, typed

FAILED = typed("response.failed", 7, response=response(status="failed", error={"code": "server_error"}))
ERROR = typed("error", 5, code="server_error", message="words")
EVENTS = st.lists(
    st.sampled_from([
        delta("a", 1), delta('"response.completed"', 2), b": comment\n\n", b"data: {\n\n", b"data: 7\n\n",
        typed("response.in_progress", 3, response=response(status="in_progress")), ERROR, COMPLETED, FAILED,
        b'data: {"type": ["response.completed"]}\n\n',
        b'data: {"type":"response.completed","response":1}\n\n',
        b'data: {"type":"response.incomplete"}\n\n', b"data: [DONE]\n\n", b"event: odd\ndata: \xff\n\n",
    ])
)  # fmt: skip


def relayed(*events: bytes) -> Outcome:
    return play([b"".join(events)], asked=False, endpoint=RESPONSES)


@given(EVENTS, st.booleans())
def test_pieces_do_not_matter(rest: list[bytes], crlf: bool) -> None:
    whole = b"".join([CREATED, *rest])
    whole = whole.replace(b"\n", b"\r\n") if crlf else whole
    together = play([whole], asked=False, endpoint=RESPONSES)
    for pieces in chunkings(whole):
        agree(together, play(pieces, asked=False, endpoint=RESPONSES))
    told = together.sent.split(b"event: error")[0]
    assert whole.startswith(told) and together.sent
    assert together.whole == (b"event: error" not in together.sent)


def test_it_ends_with_its_last_event() -> None:
    outcome = relayed(CREATED, delta("a", 1), COMPLETED, delta("b", 2), b"data: [DONE]\n\n")
    assert outcome == Outcome(CREATED + delta("a", 1) + COMPLETED, True, Result.OK, Usage(60, 40, 15, 5))


def test_it_may_end_incomplete() -> None:
    last = typed("response.incomplete", 1, response=response(status="incomplete", usage=USAGE))
    assert relayed(CREATED, last) == Outcome(CREATED + last, True, Result.OK, Usage(60, 40, 15, 5))


@pytest.mark.parametrize(
    ("code", "result"), [("server_error", Result.BROKEN), (None, Result.BROKEN), ("bad", Result.REJECTED)]
)
def test_it_may_fail_by_its_own_word(code: str | None, result: Result) -> None:
    last = typed("response.failed", 1, response=response(status="failed", error={"code": code}))
    assert relayed(CREATED, last) == Outcome(CREATED + last, True, result, None)


@pytest.mark.parametrize("rest", [b"", ERROR, b'data: {"error": {"message": "words"}}\n\n'])
def test_anything_else_is_a_failure_told_once(rest: bytes) -> None:
    outcome = relayed(CREATED, delta("a", 41), rest)
    assert (outcome.whole, outcome.result) == (False, Result.BROKEN)
    told = outcome.sent.removeprefix(CREATED + delta("a", 41))
    said: dict[str, Any] = json.loads(told.removeprefix(b"event: error\ndata: "))
    assert (said["type"], said["sequence_number"]) == ("error", 42)
    assert said["error"]["type"] == "upstream_error" and "words" not in said["message"]


@pytest.mark.parametrize("first", [ERROR, FAILED, b"data: x\n\n", b'data: {"error": 1}\n\n', b""])
def test_nothing_is_sent_when_it_begins_so(first: bytes) -> None:
    outcome = relayed(first)
    assert not outcome.sent
    assert outcome.result is (Result.SERVER_ERROR if first else Result.AMBIGUOUS)


def test_fault_found_with_the_request_passes() -> None:
    first = typed("response.failed", 0, response=response(status="failed", error={"code": "invalid_prompt"}))
    assert relayed(first) == Outcome(first, True, Result.REJECTED, None)


@given(st.integers(1, 200_000), st.integers(0, 3))
def test_a_long_event_comes_whole(size: int, cut: int) -> None:
    event = b'data: {"x": "' + b"a" * 300_000 + b'"}\n\n'
    stream = event + delta("a", 1)
    splitter, told = PatientSplitter(), b""
    for start in range(0, len(stream), size + cut):
        told += splitter.feed(stream[start : start + size + cut])
    assert told == stream and not splitter.finish()


def test_an_event_is_not_endless() -> None:
    splitter = PatientSplitter()
    with pytest.raises(EventTooLarge):
        for _ in range(1_000):
            splitter.feed(b"x" * 100_000)
