"""What is read at a glance is what the parser makes of it, whatever the parser was shown before."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.providers.glance import REMEMBERED, Glance

FIRST = b"HTTP/1.1 200 OK"
USUAL = [(b"Content-Type", b"application/json"), (b"x-request-id", b"req_1"), (b"Content-Length", b"2")]


def answer(headers=USUAL, body=b"{}", first=FIRST):
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b\r\n%b\r\n%b" % (first, lines, body)


class Parsed:
    """What the parser says of bytes that are one whole answer and keep their connection; else nothing."""

    def __init__(self, data):
        self.raw, self.body, self.ends = [], b"", []
        self.parser = httptools.HttpResponseParser(self)
        try:
            self.parser.feed_data(data)
            self.good = self.ends == [True]
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.good = False
        self.headers = {name.lower(): value.strip(b" \t") for name, value in self.raw}

    def on_header(self, name, value):
        self.raw.append((name, value))

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.ends.append(self.parser.get_status_code() == 200 and self.parser.should_keep_alive())


def shown(*answers):
    """One that has been shown answers, as far as the parser takes them."""
    glance = Glance()
    for data in answers:
        parsed = Parsed(data)
        if parsed.good:
            glance.learn(data, parsed.headers)
    return glance


names = st.sampled_from(
    [b"content-length", b"Content-Length", b"connection", b"date", b"a", b"a:b", b"transfer-encoding", b"x y"]
)
values = st.sampled_from([b"2", b"02", b"+2", b"keep-alive", b"close", b"chunked", b"b: c", b""]) | st.binary(
    max_size=5
)
heads = st.lists(st.tuples(names, values), max_size=5)
answers = st.builds(
    answer, heads, st.sampled_from([b"{}", b"", b"{}x"]), st.sampled_from([FIRST, b"HTTP/1.0 200 OK", b"x"])
)


@given(st.lists(answers, max_size=4), answers)
@example([answer()], answer([(b"content-type", b"text/plain"), *USUAL[1:]]))
@example([answer([(b"a", b"b: c"), *USUAL])], answer([(b"a", b"b: \r\nc"), *USUAL]))
def test_whatever_is_read_at_a_glance_is_what_the_parser_reads(before, data):
    plain = shown(*before, data).read(data)
    if plain is not None:
        parsed = Parsed(data)
        assert parsed.good
        assert (plain.headers, plain.body) == (parsed.headers, parsed.body)


def test_a_head_like_one_before_needs_no_parser():
    later = [(b"Content-Type", b"text/plain"), (b"x-request-id", b"req_27"), (b"Content-Length", b"5")]
    plain = shown(answer()).read(answer(later, b"12345"))
    assert plain is not None
    assert plain.headers == {
        b"content-type": b"text/plain",
        b"x-request-id": b"req_27",
        b"content-length": b"5",
    }
    assert plain.body == b"12345"


@pytest.mark.parametrize(
    "data",
    [
        answer(USUAL[1:]),
        answer(body=b"{"),
        answer(body=b"{}x"),
        answer(first=b"HTTP/1.1 201 Created"),
        answer([USUAL[0], (b"x-request-id", b"a\nb"), USUAL[2]]),
        answer([USUAL[0], (b"x-request-id", b"a\r\n b"), USUAL[2]]),
        answer([USUAL[0], (b"x-request-id", b" a"), USUAL[2]]),
        answer([USUAL[0], (b"x-request-id", b"a "), USUAL[2]]),
        answer([USUAL[0], (b"x-request-id", b""), USUAL[2]]),
        answer([*USUAL[:2], (b"Content-Length", b"+2")]),
        answer()[:-3],
        b"",
    ],
    ids=[
        "another head", "less", "more", "another status", "a bare line feed", "a folded line", "space before",
        "space behind", "no value", "no length", "not yet whole", "nothing",
    ],
)  # fmt: skip
def test_the_rest_is_left_to_the_parser(data):
    assert shown(answer()).read(data) is None


@pytest.mark.parametrize("kept", [b"keep-alive", b"Keep-Alive"])
def test_a_connection_that_will_be_closed_is_the_parsers(kept):
    glance = shown(answer([(b"connection", b"keep-alive"), *USUAL]))
    assert glance.read(answer([(b"connection", kept), *USUAL])) is not None
    assert glance.read(answer([(b"connection", b"close"), *USUAL])) is None


def test_what_is_remembered_has_a_bound():
    kinds = [answer([(b"x-%d" % number, b"1"), *USUAL]) for number in range(REMEMBERED + 1)]
    glance = shown(*kinds)
    assert [glance.read(kind) is not None for kind in kinds] == [True] * REMEMBERED + [False]
