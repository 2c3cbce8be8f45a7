"""More than a worker takes: the rest is told at once, and whoever watches over it still gets through."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest

from tests.support.gateway import hash_of, running_gateway
from tests.support.scripted import Wait, answer

CHAT = "/v1/chat/completions"
KEYS = {"app": "hg_app", "admin": "hg_admin"}
CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}", scopes: [chat]}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  limits: {{concurrency: 4, connections: 20}}
  lame_duck: 0s
upstreams: {{main: {{provider: openai, base_url: "{url}"}}}}
routes: {{solver: {{variants: {{only: {{upstream: main, model: m}}}}, variant: only}}}}
"""
BODY = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def gateway(shared_upstream, tmp_path_factory):
    place = tmp_path_factory.mktemp("overload")
    config = place / "headgate.yaml"
    hashes = {name: hash_of(key) for name, key in KEYS.items()}
    config.write_text(CONFIG.format(url=shared_upstream.url, **hashes))
    with running_gateway(
        config, options=["--workers", "1", "--state", str(place / "state")], keys=KEYS
    ) as one:
        yield one


@contextlib.contextmanager
def full(gateway, upstream):
    """As many requests under way as the worker takes."""
    go = threading.Event()
    upstream.script = lambda received: [Wait(go), *answer("fine")]
    seen = []
    threads = [
        threading.Thread(target=lambda: seen.append(gateway.post(CHAT, BODY).status)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    gateway.wait_until(lambda: len(upstream.received) == 4)
    try:
        yield
    finally:
        go.set()
        for thread in threads:
            thread.join()
        assert seen == [200] * 4


def test_one_too_many_is_told_at_once(gateway, upstream):
    before = gateway.metric("headgate_requests_total", status="shed")
    with full(gateway, upstream):
        refused = gateway.post(CHAT, BODY)
        assert refused.status == 503 and refused.error["code"] == "overloaded"
        assert refused.headers["retry-after"] == "1" and refused.headers["x-should-retry"] == "true"
        assert len(upstream.received) == 4
    assert gateway.post(CHAT, BODY).status == 200
    gateway.wait_until(lambda: gateway.metric("headgate_requests_total", status="shed") == before + 1)


def test_it_is_told_before_the_body_is_sent(gateway, upstream):
    with full(gateway, upstream), socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hg_app\r\nContent-Length: 1000\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 503 ")


def test_health_and_admin_are_served_meanwhile(gateway, upstream):
    with full(gateway, upstream):
        assert gateway.get("/health/ready").status == 200
        assert gateway.get("/v1/models").status == 200
        assert gateway.admin("GET", "/admin/v1/config").status == 200


@contextlib.contextmanager
def crowd(gateway, count):
    """Connections that only stand there."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=20))
        yield


def test_beyond_the_connections_there_is_room_for_health_only(gateway, upstream):
    upstream.script = lambda received: answer("fine")
    with crowd(gateway, 20):
        refused = gateway.post(CHAT, BODY)
        assert refused.status == 503 and refused.error["code"] == "overloaded"
        assert refused.headers["connection"] == "close"
        healthy = gateway.get("/health/ready")
        assert healthy.status == 200 and healthy.headers["connection"] == "close"
    gateway.wait_until(lambda: gateway.post(CHAT, BODY).status == 200)


def test_beyond_the_room_for_health_there_is_nothing(gateway):
    with crowd(gateway, 20 + 64), socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        received = b""
        while part := client.recv(1 << 16):
            received += part
        assert received.startswith(b"HTTP/1.1 503 ") and b"connection: close" in received
    gateway.wait_until(lambda: gateway.post(CHAT, BODY).status == 200)


def test_a_reserved_place_is_not_kept(gateway):
    with crowd(gateway, 20), socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(b"GET /health/ready HTTP/1.1\r\n")  # and no more
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


def test_what_is_counted_comes_back_to_nothing(gateway, upstream):
    with full(gateway, upstream):
        gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 4)
    gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 0)
    assert json.loads(gateway.get("/health/ready").body)["status"] == "ready"
