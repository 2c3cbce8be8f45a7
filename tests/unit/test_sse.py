"""Cutting a byte stream into events loses, adds and changes nothing."""

from __future__ import annotations

from itertools import accumulate

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sse import MAX_EVENT, EventTooLarge, Splitter, Usual, data_of, events, json_of, start_of_event

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


def chunk(text: object, *, more: str = "") -> bytes:
    """An event as upstreams send them."""
    return f'data: {{"choices":[{{"delta":{{"content":{orjson.dumps(text).decode()}}}}}]{more}}}\n\n'.encode()


@given(st.text(), st.text(), st.sampled_from(["", ',"usage":null', ',"logprobs":"}{"']))
def test_an_event_that_differs_in_its_text_alone_is_usual(first, second, more):
    usual = Usual()
    assert not usual.covers(chunk(first, more=more))
    usual.learn(chunk(first, more=more))
    if '"' not in first and '"' not in second:
        assert usual.covers(chunk(second, more=more))


@given(st.text(), st.data())
def test_what_is_usual_holds_nothing_else(text, data):
    usual = Usual()
    usual.learn(chunk(text))
    seen = chunk(data.draw(st.text()))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(seen))] * 2)))
    fillings = b"", b'"', b'","usage":{', b'"}},"error":{', b"\n\ndata: [DONE]\n\n", b"error"
    seen = seen[:start] + data.draw(st.sampled_from(fillings)) + seen[end:]
    if usual.covers(seen):
        (event,) = events(seen)
        inner = event[len(b'data: {"choices":[{"delta":{"content":"') : -len(b'"}}]}\n\n')]
        assert b'"' not in inner
        assert b"\n" not in inner


@pytest.mark.parametrize(
    "block",
    [
        chunk("a") + chunk("b"),
        chunk("a").replace(b"\n", b"\r\n"),
        b'data: {"object":"chat.completion.chunk"}\n\n',
        b": a comment\n\n",
        b'data: {"content":"without end\n\n',
    ],
)
def test_what_is_not_one_event_with_a_text_makes_nothing_usual(block):
    usual = Usual()
    usual.learn(block)
    assert not usual.covers(block)
    assert not usual.covers(block[:-1])


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
