"""What a process and its validating child say to each other, over pipes.

A frame is a length of four bytes, big-endian, and that many bytes of msgpack. The child answers every
request with one reply, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from routing.validators.verdict import Failed, Passed, Reason, Skipped, Verdict

CHECK = 1.0
"""Seconds that one validator may take for one answer."""
START = 10.0
"""Seconds that a child may take to start, and to make the validators of a route."""
HEAD = 4


class Rule(msgspec.Struct, array_like=True, frozen=True):
    """One validator as configured: its name in the registry, and its arguments."""

    type: str
    options: dict[str, Any]


class Rules(msgspec.Struct, frozen=True):
    """The validators of a route, all of which must pass; equal when they were configured alike."""

    encoded: bytes
    count: int

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Rules:
        """From single rules."""
        items = tuple(rules)
        return cls(_encoder.encode(items), len(items))

    def items(self) -> tuple[Rule, ...]:
        """The single rules."""
        return _rules.decode(self.encoded)


class Request(msgspec.Struct, array_like=True):
    """Judge this. `rules` is empty when the child knows what `key` stands for.

    `content` is a text, or the whole body of a response, whose text is yet to be found.
    """

    key: int
    rules: bytes
    content: bytes
    whole: bool


class Reply(msgspec.Struct, array_like=True):
    """What came of it; `fault` names the exception that a validator should not have raised."""

    result: Literal["passed", "failed", "skipped"]
    reason: Reason | None = None
    fault: str = ""

    @classmethod
    def of(cls, verdict: Verdict) -> Reply:
        """A verdict on its way."""
        return cls(verdict.result, verdict.reason)

    def verdict(self) -> Verdict:
        """The verdict that arrived."""
        if self.result == "passed":
            return Passed()
        reason = self.reason or Reason.CRASHED
        return Failed(reason) if self.result == "failed" else Skipped(reason)


_encoder = msgspec.msgpack.Encoder()
_rules = msgspec.msgpack.Decoder(tuple[Rule, ...])
_requests = msgspec.msgpack.Decoder(Request)
_replies = msgspec.msgpack.Decoder(Reply)
decode_request = _requests.decode
decode_reply = _replies.decode


def frame(message: Request | Reply) -> bytes:
    """A message as it is written."""
    encoded = _encoder.encode(message)
    return len(encoded).to_bytes(HEAD, "big") + encoded
