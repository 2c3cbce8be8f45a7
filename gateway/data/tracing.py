"""Tracing in a worker: which trace a request belongs to, and what its spans will be made of.

The spans themselves are made elsewhere, of what goes with the request's record. With telemetry off all that
happens is that the trace's id of a client's `traceparent` goes with it too, and the header is forwarded as it
came. With it on the upstream gets the span of its attempt as its caller.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.channel.spans import Spans, Tried
from gateway.data.account import Account
from gateway.data.attempt import Attempt
from gateway.providers.base import Call
from gateway.sse import data_of, events
from routing.trace import RANDOM, Tracing, parent_of, traceparent

NUMBERS = frozenset((
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty",
    "seed", "n",
))  # fmt: skip
"""Numbers of a request that its span shows."""
LONGEST = 256
"""Characters of a name that an upstream gives; the rest of a longer one is left out."""
LAST = 4
"""Blocks at the end of a stream in which it says why it ended."""


class Tail:
    """The end of a stream."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: deque[bytes] = deque(maxlen=LAST)

    def add(self, block: bytes) -> None:
        """Another part of it has been relayed."""
        self._last.append(block)

    def tail(self) -> bytes:
        """Its last blocks."""
        return b"".join(self._last)


def begin(account: Account, headers: Mapping[bytes, bytes], tracing: Tracing | None, path: str) -> None:
    """The request has been routed: finds its trace, or begins one where telemetry is on."""
    header = headers.get(b"traceparent")
    parent = None if header is None else parent_of(header)
    if parent is not None:
        account.trace = parent.trace
    if tracing is None:
        return
    spans = account.spans = Spans(path)
    if tracing.sampler is None:
        return
    drawn = os.urandom(24)
    if parent is None:
        account.trace = drawn[8:]
    else:
        spans.parent, spans.flags = parent.span, parent.flags & RANDOM
    spans.flags |= tracing.sampler.samples(account.trace, parent)
    spans.span = drawn[:8]


def follow(account: Account, spans: Spans, attempt: Attempt, call: Call, asked: dict[str, float]) -> Call:
    """An attempt begins: the call as it is to be sent, with the attempt's span as the upstream's caller."""
    variant = attempt.variant
    span = os.urandom(8) if spans.span else b""
    tried = Tried(
        span, variant.upstream, variant.name, variant.model, asked, attempt.started - account.started
    )
    spans.attempts.append(tried)
    if not span:
        return call
    return call.with_header(b"traceparent: %b\r\n" % traceparent(account.trace, span, spans.flags))


def numbers_of(body: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a request's body that its span shows."""
    return {name: body[name] for name in NUMBERS & body.keys() if type(body[name]) in (int, float)}


def ended(tried: Tried, attempt: Attempt, seconds: float) -> None:
    """The attempt is over."""
    tried.duration, tried.result = seconds, attempt.result
    if attempt.answer is not None:
        tried.code = attempt.answer.status
    if not attempt.body or tried.code != 200:
        return
    streamed = attempt.splitter is not None
    said = _said(_first_data(attempt.body) if streamed else attempt.body)
    tried.id, tried.answered_by = (said.id or "")[:LONGEST], (said.model or "")[:LONGEST]
    if streamed:
        tail = attempt.seen.tail() if attempt.seen is not None else b""
        tried.finish = [reason.decode() for reason in _reasons(tail)]
    else:
        tried.finish = [choice.finish_reason[:LONGEST] for choice in said.choices if choice.finish_reason]


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Said(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] = []


_read = msgspec.json.Decoder(_Said).decode
_reasons = re.compile(rb'"finish_reason"\s*:\s*"([a-z_]{1,32})"').findall
"""In a text the quotes would be escaped: only the field itself is found."""


def _said(body: bytes) -> _Said:
    try:
        return _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Said()


def _first_data(block: bytes) -> bytes:
    return next((data for event in events(block) if (data := data_of(event))), b"")
