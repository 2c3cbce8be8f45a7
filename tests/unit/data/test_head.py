"""The memory of heads: the same bytes but for the length, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.data.head import DIGITS, REMEMBERED, Head, Heads

names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).filter(
    lambda n: n != "content-length"
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
headers = st.lists(st.tuples(names, values), max_size=6)
lengths = st.integers(0, 10**DIGITS - 1)
spellings = st.sampled_from(["Content-Length: ", "content-length:", "CONTENT-LENGTH:\t "])


def text_of(
    before: list[tuple[str, str]], spelling: str, length: object, after: list[tuple[str, str]]
) -> bytes:
    lines = [f"{name}: {value}" for name, value in before]
    lines.append(f"{spelling}{length}")
    lines += [f"{name}: {value}" for name, value in after]
    return ("POST /v1/chat/completions HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


def head(path: bytes = b"/v1/chat/completions") -> Head:
    return Head(b"POST", path, b"", {b"host": b"x"}, modern=True, keep_alive=True)


@given(headers, spellings, headers, lengths, lengths, st.binary(max_size=30))
def test_the_same_head_is_found_with_any_length(before, spelling, after, first, second, body):
    heads, known = Heads(), head()
    heads.learn(known, text_of(before, spelling, first, after))
    text = text_of(before, spelling, second, after)
    assert heads.find(text + body) == (known, len(text), second)


@given(headers, spellings, headers, lengths, st.data())
def test_another_head_is_not_found(before, spelling, after, length, data):
    heads = Heads()
    text = text_of(before, spelling, length, after)
    heads.learn(head(), text)
    place = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(
        st.integers(0, 255).filter(lambda byte: byte != text[place] and byte not in b"0123456789")
    )
    assert heads.find(text[:place] + bytes([byte]) + text[place + 1 :]) is None


@given(headers, spellings, headers, lengths, st.data())
def test_a_part_of_a_head_is_not_found(before, spelling, after, length, data):
    heads = Heads()
    text = text_of(before, spelling, length, after)
    heads.learn(head(), text)
    assert heads.find(text[: data.draw(st.integers(0, len(text) - 1))]) is None


def test_a_length_that_is_no_length_is_not_found():
    heads = Heads()
    heads.learn(head(), text_of([], "Content-Length: ", 7, []))
    for length in ("", "+7", "-1", "7 ", "0x7", "7a", "1" * (DIGITS + 1), "٧"):
        assert heads.find(text_of([], "Content-Length: ", length, [])) is None


def test_a_head_without_a_length_is_not_remembered():
    heads = Heads()
    text = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    heads.learn(head(), text)
    assert heads.find(text) is None


def test_the_latest_are_remembered():
    heads = Heads()
    texts = [
        text_of([("x-number", str(number))], "Content-Length: ", 5, []) for number in range(REMEMBERED + 1)
    ]
    known = [head(text) for text in texts]
    for one, text in zip(known[:-1], texts[:-1], strict=True):
        heads.learn(one, text)
    assert heads.find(texts[0]) == (known[0], len(texts[0]), 5)  # which makes it the latest
    heads.learn(known[-1], texts[-1])
    assert [heads.find(text) is not None for text in texts[:2]] == [True, False]
