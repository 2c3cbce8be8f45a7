"""What a worker notes for spans, and what the upstream gets to see of them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.channel.spans import Spans
from gateway.data.account import Account
from gateway.data.attempt import Attempt
from gateway.data.capture import Captured
from gateway.data.tracing import LAST, Tail, begin, ended, follow, numbers_of
from gateway.providers.base import Call
from gateway.sse import Splitter
from routing.fallback import Result
from routing.snapshot import Timeouts, Variant
from routing.trace import RANDOM, SAMPLED, WHOLE, Sampler, Tracing, parent_of

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {b"traceparent": f"00-{TRACE}-{CALLER}-03".encode()}
VARIANT = Variant("base", 1, "main", "m")
CALL = Call("/chat/completions", b"accept: */*\r\n", b"{}", False, Timeouts(), 1.0)


class Answer:
    """All that is read of an answer."""

    def __init__(self, status: int) -> None:
        self.status = status


def begun(tracing: Tracing | None, headers: dict[bytes, bytes]) -> Account:
    account = Account(bytes(12), 5.0)
    begin(account, headers, tracing, "/chat/completions")
    return account


def tried(body: bytes, *, status: int = 200, stream: Tail | Captured | None = None) -> Any:
    """What is noted of an attempt with this answer."""
    account, attempt = begun(Tracing(Sampler()), HEADERS), Attempt(VARIANT, 6.0)
    attempt.result = Result.OK
    assert account.spans is not None
    follow(account, account.spans, attempt, CALL, {})
    attempt.body, attempt.answer = body, Answer(status)  # type: ignore[assignment]
    if stream is not None:
        attempt.splitter, attempt.seen = Splitter(), stream
    ended(account.spans.attempts[0], attempt, 2.0)
    return account.spans.attempts[0]


def test_off_it_takes_the_trace_and_nothing_else():
    account = begun(None, HEADERS)
    assert (account.trace.hex(), account.spans) == (TRACE, None)
    assert begun(None, {}).trace == b""


def test_figures_alone_need_no_ids():
    account = begun(Tracing(None), HEADERS)
    assert account.trace.hex() == TRACE
    assert account.spans == Spans("/chat/completions")
    call = follow(account, account.spans, Attempt(VARIANT, 6.0), CALL, {})
    assert call is CALL
    assert account.spans.attempts[0].started == 1.0


def test_the_attempt_is_the_upstreams_caller():
    account = begun(Tracing(Sampler()), HEADERS)
    spans = account.spans
    assert spans is not None and spans.parent.hex() == CALLER
    assert spans.flags == SAMPLED | RANDOM
    calls = [follow(account, spans, Attempt(VARIANT, 6.0), CALL, {}) for _ in range(2)]
    for call, attempt in zip(calls, spans.attempts, strict=True):
        head, _, line = call.headers.partition(b"\r\n")
        parent = parent_of(line.removeprefix(b"traceparent: ").removesuffix(b"\r\n"))
        assert head == b"accept: */*" and parent == (account.trace, attempt.span, spans.flags)
    assert len({spans.span, *(one.span for one in spans.attempts)}) == 3
    assert CALL.headers == b"accept: */*\r\n"


@pytest.mark.parametrize("headers", [{}, {b"traceparent": b"nonsense"}])
def test_without_a_caller_a_trace_begins(headers):
    one, other = (begun(Tracing(Sampler(bound=WHOLE)), headers) for _ in range(2))
    assert len(one.trace) == 16 and one.trace != other.trace
    assert one.spans is not None and (one.spans.parent, one.spans.flags) == (b"", SAMPLED)
    unsampled = begun(Tracing(Sampler(bound=0)), headers)
    assert unsampled.spans is not None and unsampled.spans.flags == 0


def test_only_numbers_are_shown():
    body = {
        "temperature": 0.5,
        "max_tokens": 5,
        "n": True,
        "seed": "7",
        "top_p": None,
        "stop": 3,
        "messages": [],
    }
    assert numbers_of(body) == {"temperature": 0.5, "max_tokens": 5}


def test_what_an_answer_says_of_itself():
    noted = tried(
        b'{"id": "x", "model": "m-1", "choices": [{"finish_reason": "stop"}, {"finish_reason": null}]}'
    )
    assert (noted.id, noted.answered_by, noted.finish) == ("x", "m-1", ["stop"])
    assert (noted.code, noted.result, noted.duration) == (200, "ok", 2.0)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"id": 1}', b'{"id": null, "choices": null}', b"\xff", b'{"choices": [1]}']
)
def test_what_says_nothing_is_taken_for_nothing(body):
    noted = tried(body)
    assert (noted.id, noted.answered_by, noted.finish) == ("", "", [])


def test_an_error_is_not_read():
    assert tried(b'{"id": "x"}', status=500).id == ""


@pytest.mark.parametrize("stream", [Tail(), Captured()])
def test_a_stream_says_it_at_its_beginning_and_its_end(stream):
    for number in range(10):
        stream.add(b'data: {"choices":[{"finish_reason":null,"delta":{"content":"%d"}}]}\n\n' % number)
    stream.add(b'data: {"choices":[{"finish_reason": "length"}]}\n\n')
    for _ in range(LAST - 1):
        stream.add(b"data: {}\n\n")
    noted = tried(b': hi\n\ndata: {"id":"x","model":"m-1"}\n\n', stream=stream)
    assert (noted.id, noted.answered_by, noted.finish) == ("x", "m-1", ["length"])


def test_names_that_an_upstream_gives_are_cut():
    assert len(tried(b'{"model": "%s"}' % (b"m" * 1000)).answered_by) == 256
