"""Clients that break the rules, or only use them to the full: nobody else may notice."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from gateway.data.guards import AHEAD
from tests.support.scripted import STREAM_HEAD, Wait, answer, chunk, event, stream

CHAT = "/v1/chat/completions"
NEVER = threading.Event()
GOOD = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}


def connect(gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=20)


def post(gateway, body: object = GOOD, *lines: bytes, key: str = "app", version: bytes = b"1.1") -> bytes:
    """The bytes of a chat request."""
    raw = json.dumps(body).encode()
    head = [
        b"POST /v1/chat/completions HTTP/%b" % version,
        b"Host: x",
        b"Content-Type: application/json",
        b"Authorization: " + gateway.headers(key)["authorization"].encode(),
        b"Content-Length: %d" % len(raw),
        *lines,
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + raw


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(1 << 16):
        received += part
    return received


def test_garbage_behind_a_request_harms_nobody(gateway, upstream):
    go = threading.Event()
    upstream.script = lambda received: [Wait(go), *answer("fine")]
    neighbours = [connect(gateway) for _ in range(8)]
    attackers = [connect(gateway) for _ in range(4)]
    for one in neighbours:
        one.sendall(post(gateway))
    for one in attackers:
        one.sendall(post(gateway))
        one.sendall(b"\0garbage\r\n\r\n")
    gateway.wait_until(lambda: len(upstream.received) == 12)
    go.set()
    for one in neighbours:
        assert b"fine" in one.recv(1 << 16)
        one.sendall(post(gateway))
        assert b"fine" in one.recv(1 << 16)
    for one in attackers:  # their answer, then the refusal
        received = read_all(one)
        assert received.startswith(b"HTTP/1.1 200") and b"fine" in received
        assert received.count(b"HTTP/1.1 400") == 1
    for one in (*neighbours, *attackers):
        one.close()


def test_many_requests_then_garbage_in_one_write(gateway):
    one = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
    with connect(gateway) as attacker:
        attacker.sendall(one * 500 + b"\0garbage\r\n\r\n")
        received = read_all(attacker)
    assert received.count(b"HTTP/1.1 200") == 500 and received.count(b"HTTP/1.1 400") == 1
    assert not gateway.logged("failed")


def test_many_upgrade_offers_in_one_write(gateway):
    """More than Python's stack is deep, and less than may be sent ahead."""
    offer = b"GET / HTTP/1.1\r\nhost:x\r\nconnection:upgrade\r\nupgrade:x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nhost:x\r\nconnection:close\r\n\r\n"
    assert len(offer * 1100 + last) < AHEAD
    with connect(gateway) as client:
        client.sendall(offer * 1100 + last)
        assert read_all(client).count(b"HTTP/1.1 404") == 1101


def test_what_follows_the_last_request_is_ignored(gateway):
    with connect(gateway) as client:
        client.sendall(post(gateway, GOOD, b"Connection: close") + b"\0garbage")
        received = read_all(client)
    assert received.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 400" not in received


def test_requests_sent_ahead_are_answered_in_turn(gateway, upstream):
    upstream.script = lambda received: answer(received.json["user"])
    bodies = [GOOD | {"user": f"number-{number}", "pad": "x" * 3000} for number in range(12)]
    with connect(gateway) as client:
        client.sendall(b"".join(post(gateway, body) for body in bodies))
        client.sendall(post(gateway, GOOD | {"user": "last"}, b"Connection: close"))
        received = read_all(client)
    places = [received.index(b"number-%d" % number) for number in range(12)]
    assert places == sorted(places) and received.index(b'"last"') > places[-1]


def test_a_client_that_sends_too_much_ahead_is_cut_off(gateway, upstream):
    upstream.script = lambda received: [Wait(NEVER)]
    with connect(gateway) as client, pytest.raises(ConnectionError):
        client.sendall(post(gateway))
        gateway.wait_until(lambda: bool(upstream.received))
        for _ in range(200):
            client.sendall(b"x" * 65536)
    assert upstream.received[0].closed.wait(20)


def test_a_pipelining_client_that_leaves_is_noticed(gateway, upstream):
    upstream.script = lambda received: [Wait(NEVER)]
    with connect(gateway) as client:
        client.sendall(post(gateway) * 20)
        gateway.wait_until(lambda: bool(upstream.received))
    assert upstream.received[0].closed.wait(20)
    gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 0)


def test_a_head_that_ends_with_the_body_is_not_too_large(gateway):
    request = post(gateway, GOOD | {"pad": "x" * 60_000})
    at = request.index(b"\r\n\r\n") + 3
    with connect(gateway) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(request[:at])
        assert gateway.get("/health/live").status == 200  # the first part has arrived by now
        client.sendall(request[at:])
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_trailers_are_no_headers(gateway):
    body = json.dumps(GOOD).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    key = gateway.headers("app")["authorization"].encode()
    with connect(gateway) as client:
        client.sendall(head + b"%x\r\n%b\r\n0\r\nAuthorization: %b\r\n\r\n" % (len(body), body, key))
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 401")


def test_trailers_do_not_hide_a_second_host(gateway):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(gateway) as client:
        client.sendall(head + b"2\r\n{}\r\n0\r\nX-Extra: 1\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 401")
        client.sendall(post(gateway, GOOD, b"Host: x"))
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 400")


def test_endless_trailers_are_refused(gateway):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    key = gateway.headers("app")["authorization"].encode()
    with connect(gateway) as client:
        client.sendall(head + b"Authorization: %b\r\n\r\n2\r\n{}\r\n0\r\nX: " % key)
        received = b""
        try:
            for _ in range(200):
                client.sendall(b"x" * 65536)
        except ConnectionError:
            return
        received = client.recv(1 << 16)
        assert received.startswith(b"HTTP/1.1 431")


def test_an_old_client_behind_a_stream(gateway, upstream):
    upstream.script = lambda received: stream(event("a")) if received.json.get("stream") else answer()
    with connect(gateway) as client:
        client.sendall(post(gateway, GOOD | {"stream": True}) + post(gateway, version=b"1.0"))
        first, _, second = read_all(client).partition(b"0\r\n\r\nHTTP/1.1 200")
    assert b"transfer-encoding: chunked" in first and b"[DONE]" in first
    assert b"transfer-encoding" not in second


def test_slow_readers_hold_little(gateway, upstream):
    many = [chunk(event("x" * 60_000)) for _ in range(200)]  # 12 MB a stream
    upstream.script = lambda received: [STREAM_HEAD, *many, Wait(NEVER)]
    before = gateway.metric("headgate_worker_resident_bytes")
    readers = [connect(gateway) for _ in range(20)]
    for one in readers:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(post(gateway, GOOD | {"stream": True}))
    gateway.wait_until(lambda: len(upstream.received) == 20)
    for one in readers:
        assert one.recv(1024)
    assert gateway.metric("headgate_worker_resident_bytes") - before < 100e6  # of 240 MB on offer
    for one in readers:
        one.close()
    gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 0)


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────


def test_items_of_many_digits(gateway):
    response = gateway.post(CHAT, GOOD, headers={"x-headgate-items": "9" * 5000})
    assert (response.status, response.error["param"]) == (400, "x-headgate-items")


@pytest.mark.parametrize("depth", [900, 990, 1010, 1023])
def test_deep_nesting_is_served_or_refused(gateway, depth):
    response = gateway.post(
        CHAT, json.dumps(GOOD)[:-1].encode() + b',"x":' + b"[" * depth + b"]" * depth + b"}"
    )
    assert response.status in (200, 400)
    assert response.status == 200 or response.error["type"] == "invalid_request_error"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_chat_is_posted(gateway, method):
    response = gateway.request(method, CHAT)
    assert (response.status, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("number", ["1e3", "1000.0", "1000"])
def test_whole_numbers_however_written(gateway, number):
    raw = json.dumps(GOOD)[:-1] + f',"max_tokens":{number}}}'
    assert gateway.post(CHAT, raw.encode()).status == 200
