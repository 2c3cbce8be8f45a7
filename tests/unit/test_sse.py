"""Cutting a byte stream into events loses, adds and changes nothing."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sse import MAX_EVENT, EventTooLarge, Splitter, data_of, events, json_of, start_of_event

LINES = st.lists(
    st.sampled_from([b"data: {}", b"data:x", b": comment", b"event: e", b"id: 1", "data: é\u2028".encode()]),
    min_size=1,
    max_size=3,
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """(whole events, the stream cut anywhere)"""
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    whole = [end.join(lines) + end + end for lines in draw(st.lists(LINES, min_size=1, max_size=6))]
    stream = b"".join(whole)
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=8)) | {0, len(stream)})
    return whole, [stream[low:high] for low, high in zip(cuts, cuts[1:], strict=False)]


@given(streams())
def test_any_cut_gives_the_same_events(case):
    whole, parts = case
    splitter = Splitter()
    blocks = [block for part in parts if (block := splitter.feed(part))]
    assert b"".join(blocks) == b"".join(whole)
    assert [event for block in blocks for event in events(block)] == whole
    for block in blocks:
        starts = [0, *accumulate(len(event) for event in events(block))][:-1]
        for at in range(len(block)):
            assert start_of_event(block, at) in [start for start in starts if start <= at]


def test_the_incomplete_end_is_held_back():
    splitter = Splitter()
    assert splitter.feed(b"data: a\n\ndata: b\n") == b"data: a\n\n"
    assert splitter.feed(b"\n") == b"data: b\n\n"


def test_an_event_without_end_is_cut_off():
    splitter = Splitter()
    with pytest.raises(EventTooLarge):
        splitter.feed(b"data: " + b"x" * MAX_EVENT)


def test_data_lines_are_joined():
    assert data_of(b"event: x\ndata: a\ndata:b\n\n") == b"a\nb"
    assert data_of(b": comment\n\n") is None


@pytest.mark.parametrize("data", [b"[DONE]", b"{", b"1", b""])
def test_what_is_no_object_is_none(data):
    assert json_of(data) is None
