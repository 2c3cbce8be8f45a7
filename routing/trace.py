"""Which trace a request belongs to, and whether it is recorded.

A `traceparent` (W3C Trace Context, Level 2, 3.2) names the trace, the caller's span and flags:

    00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

Samplers are those that OpenTelemetry defines for `OTEL_TRACES_SAMPLER` (specification, Tracing SDK).
"""

from __future__ import annotations

import re
from binascii import a2b_hex, b2a_hex
from dataclasses import dataclass
from typing import NamedTuple

SAMPLED, RANDOM = 1, 2
"""Flags: the trace is recorded; its id is random enough to draw a sample by."""
WHOLE = 1 << 64
_spelling = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
).fullmatch


class Parent(NamedTuple):
    """What a caller says: ids of 16 and of 8 bytes, and flags."""

    trace: bytes
    span: bytes
    flags: int


def parent_of(traceparent: bytes) -> Parent | None:
    """What the header says; None for one that is not valid, which is to be taken for none."""
    found = _spelling(traceparent)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == b"00" and more is not None:
        return None
    return Parent(a2b_hex(trace), a2b_hex(span), int(flags, 16) & (SAMPLED | RANDOM))


def traceparent(trace: bytes, span: bytes, flags: int) -> bytes:
    """The header that names this span as the caller."""
    return b"00-%b-%b-%02x" % (b2a_hex(trace), b2a_hex(span), flags)


@dataclass(frozen=True, slots=True)
class Sampler:
    """Which requests are recorded: a share of traces, or what their caller has decided if `by_parent`.

    `bound` is the share of 2**64 below which the lower half of a trace's id must lie.
    """

    by_parent: bool = True
    bound: int = WHOLE

    def samples(self, trace: bytes, parent: Parent | None) -> bool:
        """Whether a request in this trace is recorded."""
        if parent is not None and self.by_parent:
            return parent.flags & SAMPLED != 0
        return self.bound == WHOLE or int.from_bytes(trace[8:], "big") < self.bound


@dataclass(frozen=True, slots=True)
class Tracing:
    """What telemetry asks of workers. `sampler` is None where it wants figures only: nothing is traced."""

    sampler: Sampler | None
