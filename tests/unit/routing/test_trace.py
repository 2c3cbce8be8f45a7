"""Trace context as W3C writes it, and OpenTelemetry's samplers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.trace import RANDOM, SAMPLED, WHOLE, Parent, Sampler, parent_of, traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
PARENT = Parent(bytes.fromhex(TRACE), bytes.fromhex(SPAN), SAMPLED)
HALF = Sampler(by_parent=False, bound=WHOLE // 2)


def test_the_example_of_the_standard():
    assert parent_of(GOOD.encode()) == PARENT
    assert traceparent(*PARENT) == GOOD.encode()


def test_flags_that_nobody_knows_are_not_passed_on():
    parent = parent_of(f"00-{TRACE}-{SPAN}-fe".encode())
    assert parent is not None and parent.flags == RANDOM


def test_a_later_version_may_have_more_to_say():
    assert parent_of(f"01-{TRACE}-{SPAN}-01-more".encode()) == PARENT
    assert parent_of(f"cc-{TRACE}-{SPAN}-01".encode()) == PARENT


@pytest.mark.parametrize(
    "header",
    [
        "", "00", GOOD.upper(), GOOD + "-more", GOOD + "0", GOOD + " ", f"{GOOD}, {GOOD}",
        f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}{SPAN}-01", f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01", f"00-{TRACE[:-1]}g-{SPAN}-01", f"01-{TRACE}-{SPAN}-01more", f"{GOOD}\n",
    ],
)  # fmt: skip
def test_what_is_not_valid_is_none(header):
    assert parent_of(header.encode()) is None


@given(st.binary(max_size=80))
def test_any_bytes(header):
    assert parent_of(header) is None or parent_of(header)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(0, 3))
def test_there_and_back(trace, span, flags):
    expected = Parent(trace, span, flags) if any(trace) and any(span) else None
    assert parent_of(traceparent(trace, span, flags)) == expected


@given(st.binary(min_size=16, max_size=16), st.integers(0, 3))
def test_the_caller_decides_where_it_may(trace, flags):
    parent = Parent(trace, bytes(8), flags)
    assert Sampler(by_parent=True, bound=0).samples(trace, parent) == bool(flags & SAMPLED)
    assert Sampler(by_parent=False, bound=WHOLE).samples(trace, parent)
    assert not Sampler(by_parent=True, bound=0).samples(trace, None)


def test_a_share_of_traces_by_their_ids():
    low, high = bytes(15) + b"\xff", bytes(8) + b"\xff" * 8
    assert HALF.samples(low, None)
    assert not HALF.samples(high, None)
    assert not HALF.samples(high, PARENT)
    assert Sampler().samples(high, None)
