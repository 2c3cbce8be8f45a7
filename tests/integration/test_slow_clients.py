"""Clients that dawdle, stop half way or stay too long: closed at their bound, and nobody else feels them."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from tests.integration.conftest import KEYS
from tests.support.client import PATIENCE
from tests.support.gateway import hash_of, running_gateway
from tests.support.scripted import Wait, answer

CONFIG = """
server:
  keys: [{{name: app, hash: "{app}"}}]
  limits: {{header_time: 500ms, body_idle: 5s, keep_alive: 500ms}}
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  solver: {{variants: {{only: {{upstream: main, model: m}}}}, variant: only}}
"""
BODY = json.dumps({"model": "solver", "messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEYS['app']}\r\n".encode()
WHOLE = HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
LIVE = b"GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n"


@pytest.fixture(scope="module")
def impatient(shared_upstream, tmp_path_factory):
    path = tmp_path_factory.mktemp("slow") / "headgate.yaml"
    path.write_text(CONFIG.format(url=shared_upstream.url, app=hash_of(KEYS["app"])))
    with running_gateway(path, keys=KEYS) as gateway:
        yield gateway


def connect(gateway):
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)


def rest(connection):
    """What comes until the gateway closes."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


@pytest.mark.parametrize(
    "begun",
    [b"POST /v1/cha", HEAD, HEAD + b"content-length: 90\r\n\r\n", HEAD + b"content-length: 90\r\n\r\n{"],
    ids=["request line", "head", "no body", "body"],
)
def test_a_request_that_does_not_come_is_given_up(impatient, begun):
    with connect(impatient) as client:
        client.sendall(begun)
        assert rest(client).startswith(b"HTTP/1.1 408 ")


def test_a_trickle_does_not_keep_a_head_alive(impatient):
    with connect(impatient) as client:
        end = time.monotonic() + PATIENCE
        client.settimeout(0.1)
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
        received = b""
        while not received:
            assert time.monotonic() < end
            client.sendall(b"x-more: 1\r\n")
            try:
                received = client.recv(1024)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_comes_slowly_but_steadily_is_taken(impatient):
    head, _, body = WHOLE.partition(b"\r\n\r\n")
    with connect(impatient) as client:
        client.sendall(head + b"\r\n\r\n")
        for at in range(0, len(body), len(body) // 11):
            time.sleep(0.5)  # the client's pace, over five seconds in all: longer than a pause may be
            client.sendall(body[at : at + len(body) // 11])
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_answer_may_take_longer_than_a_body_that_came_in_pieces_may_pause(impatient, upstream):
    until = threading.Event()
    upstream.script = lambda received: [Wait(until), *answer()]
    with connect(impatient) as client, connect(impatient) as stuck:
        client.sendall(WHOLE[:-1])
        assert impatient.get("/health/live").status == 200  # so that the last byte comes by itself
        client.sendall(WHOLE[-1:])
        stuck.sendall(WHOLE[:-1])
        assert rest(stuck).startswith(b"HTTP/1.1 408 ")  # by now the pause is over for both
        until.set()
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("before", [b"", LIVE], ids=["never used", "used"])
def test_an_idle_connection_is_closed_without_a_word(impatient, before):
    with connect(impatient) as client:
        client.sendall(before)
        received = rest(client)
        assert received.count(b"HTTP/1.1") == bool(before)
        assert b" 408 " not in received


def test_an_answer_may_take_longer_than_any_of_these_limits(impatient, upstream):
    until = threading.Event()
    upstream.script = lambda received: [Wait(until), *answer()]
    with connect(impatient) as idle, connect(impatient) as client:
        client.sendall(WHOLE)
        assert rest(idle) == b""
        until.set()
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_many_slow_clients_harm_nobody(impatient):
    slow = []
    try:
        for _ in range(200):
            slow.append(connect(impatient))
            slow[-1].sendall(HEAD)  # at once: one that says nothing is closed without a word
        body = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}
        assert {impatient.post("/v1/chat/completions", body).status for _ in range(50)} == {200}
        assert all(rest(client).startswith(b"HTTP/1.1 408 ") for client in slow)
    finally:
        for client in slow:
            client.close()


def test_a_client_that_closes_its_half_has_left(impatient, upstream):
    """The end of what a client sends looks the same whether it still listens or not."""
    upstream.script = lambda received: [Wait(threading.Event())]
    with connect(impatient) as client:
        client.sendall(WHOLE)
        impatient.wait_until(lambda: bool(upstream.received))
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b""
    assert upstream.received[0].closed.wait(20)
