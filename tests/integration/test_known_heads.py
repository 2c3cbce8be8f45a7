"""A client's second request, whose head needs no parsing: what it may not be taken for."""

from __future__ import annotations

import pytest

from tests.integration.test_hostile import connect, post, read_all
from tests.support.scripted import answer


def ask(text: str) -> dict[str, object]:
    return {"model": "solver", "messages": [{"role": "user", "content": text}]}


def exchange(connection, request: bytes) -> bytes:
    connection.sendall(request)
    return connection.recv(1 << 16)


@pytest.mark.parametrize("step", [None, 1, 37, 1000])
def test_bodies_of_all_lengths_arrive_whole(gateway, upstream, step):
    upstream.script = lambda received: answer("fine")
    texts = ["x" * size for size in (1, 2, 40, 900, 9, 5000, 1)]
    with connect(gateway) as connection:
        for text in texts:
            request = post(gateway, ask(text))
            for at in range(0, len(request), step or len(request)):
                connection.sendall(request[at : at + (step or len(request))])
            assert b"fine" in connection.recv(1 << 16)
    assert [received.json["messages"][0]["content"] for received in upstream.received] == texts


def test_sent_ahead(gateway, upstream):
    upstream.script = lambda received: answer("fine")
    texts = [f"number {number}" * number for number in range(12)]
    with connect(gateway) as connection:
        connection.sendall(b"".join(post(gateway, ask(text)) for text in texts))
        received = b""
        while received.count(b"fine") < len(texts):
            received += connection.recv(1 << 16)
    assert [received.json["messages"][0]["content"] for received in upstream.received] == texts


def test_without_a_body(gateway):
    with connect(gateway) as connection:
        exchange(connection, post(gateway))
        head = post(gateway).partition(b"\r\n\r\n")[0].replace(b"Content-Length: 68", b"Content-Length: 0")
        assert b"Content-Length: 0" in head
        assert exchange(connection, head + b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert b" 200 " in exchange(connection, post(gateway))


def test_a_body_that_is_too_large(gateway):
    with connect(gateway) as connection:
        exchange(connection, post(gateway))
        connection.sendall(post(gateway, ask("x" * (2 << 20)))[: 1 << 16])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "length", [b"", b"+69", b"69 69", b"0x45", b"-1", b"69, 69", b"69\r\nContent-Length: 68"]
)
def test_a_length_that_is_none(gateway, length):
    with connect(gateway) as connection:
        exchange(connection, post(gateway))
        connection.sendall(post(gateway).replace(b"Content-Length: 68", b"Content-Length: " + length))
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")


def test_another_key(gateway):
    with connect(gateway) as connection:
        assert b" 200 " in exchange(connection, post(gateway))
        wrong = post(gateway).replace(b"Bearer hg_app", b"Bearer hg_apq")
        assert exchange(connection, wrong).startswith(b"HTTP/1.1 401 ")
        assert b" 200 " in exchange(connection, post(gateway))


def test_heads_that_are_never_the_same(gateway, upstream):
    upstream.script = lambda received: answer("fine")
    with connect(gateway) as connection:
        for number in range(5):
            trace = f"00-{number:032x}-00f067aa0ba902b7-01"
            assert b"fine" in exchange(
                connection, post(gateway, ask("hi"), b"traceparent: " + trace.encode())
            )
            assert upstream.received[-1].headers["traceparent"] == trace


def test_what_an_upstream_gets_of_it(gateway, upstream):
    upstream.script = lambda received: answer("fine")
    with connect(gateway) as connection:
        for _ in range(2):
            exchange(connection, post(gateway, ask("hi"), b"User-Agent: mine", b"Cookie: secret"))
            received = upstream.received[-1]
            assert received.headers["user-agent"] == "mine" and "cookie" not in received.headers
