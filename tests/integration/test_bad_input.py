"""Bad bytes and bad bodies: the right status, the envelope where there is a body, nothing echoed."""

from __future__ import annotations

import json
import socket

import pytest

CHAT = "/v1/chat/completions"
GOOD = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}
CANARY = "c4n4ry-value"


def raw(gateway, data: bytes, *, end: bool = False) -> bytes:
    """Sends bytes as they are and reads to the end of the connection."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


BODIES = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "cut": b'{"model": "solver"',
    "nan": b'{"model": "solver", "messages": [{"role":"user","content":"x"}], "x": NaN}',
    "infinity": b'{"x": Infinity}',
    "1e999": b'{"x": 1e999}',
    "45,000 digits": b'{"x": ' + b"7" * 45_000 + b"}",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "escaped lone surrogate": b'{"x": "\\ud800"}',
    "raw lone surrogate": b'{"x": "\xed\xa0\x80"}',
    "not utf-8": b'{"x": "\xff\xfe"}',
    "overlong": b'{"x": "\xc0\xaf"}',
    "bom": b"\xef\xbb\xbf{}",
    "utf-16": '{"x": 1}'.encode("utf-16"),
    "two documents": b"{} {}",
    "control character": b'{"x": "\x01"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_not_json(gateway, upstream, body):
    response = gateway.post(CHAT, body)
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"
    assert not upstream.received


FIELDS = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": CANARY}, "messages"),
    ({"messages": [CANARY]}, "messages[0]"),
    ({"messages": [{"role": CANARY, "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
    ({"n": 1000}, "n"),
    ({"n": True}, "n"),
    ({"stream": "true"}, "stream"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"stream_options": True}, "stream_options"),
    ({"metadata": CANARY}, "metadata"),
    ({"model": None}, "model"),
    ({"model": 7}, "model"),
    *(({name: CANARY}, name) for name in ("api_key", "api_base", "base_url", "litellm_params", "extra_body")),
]


@pytest.mark.parametrize(("fields", "param"), FIELDS, ids=[json.dumps(fields)[:40] for fields, _ in FIELDS])
def test_bad_parameter_is_named(gateway, upstream, fields, param):
    response = gateway.post(CHAT, GOOD | fields)
    assert response.status == 400
    assert response.error["param"] == param
    assert CANARY.encode() not in response.body
    assert not upstream.received


@pytest.mark.parametrize("model", [CANARY, "../../etc/passwd", "a\r\nb: c", "x" * 10_000, "\u0000"])
def test_unknown_model(gateway, model):
    response = gateway.post(CHAT, GOOD | {"model": model})
    assert (response.status, response.error["code"]) == (404, "model_not_found")
    assert model.encode() not in response.body


def test_unknown_models_make_no_series(gateway):
    for number in range(50):
        gateway.post(CHAT, GOOD | {"model": f"unknown-{number}"})
    gateway.wait_until(lambda: gateway.metric("headgate_requests_total", route="_other") >= 50)
    assert b"unknown-" not in gateway.request("GET", "/metrics", port=gateway.admin_port).body


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer  x", "Basic abc", "Bearer " + "k" * 5000, "hg_x"])
def test_odd_authorization(gateway, value):
    response = gateway.post(CHAT, GOOD, headers={"authorization": value})
    assert (response.status, response.error["code"]) == (401, "invalid_api_key")


def test_media_types(gateway):
    assert gateway.post(CHAT, GOOD, headers={"content-type": "text/plain"}).status == 415
    assert gateway.post(CHAT, GOOD, headers={"content-encoding": "gzip"}).status == 415
    assert gateway.post(CHAT, GOOD, headers={"content-type": "application/json; charset=utf-8"}).status == 200


def test_methods_and_paths(gateway):
    assert gateway.get(CHAT).status == 405
    assert gateway.get("/v1/nothing").error["code"] == "not_found"
    assert gateway.post("/v1/chat/completions/", GOOD).status == 404


@pytest.mark.parametrize("items", ["0", "-1", "x", "1.5", "99999999999"])
def test_items(gateway, items):
    assert gateway.post(CHAT, GOOD, headers={"x-headgate-items": items}).error["param"] == "x-headgate-items"


def test_client_request_id_is_replaced(gateway):
    response = gateway.post(CHAT, GOOD, headers={"x-request-id": "mine"})
    assert response.headers["x-request-id"] != "mine"


# ── HTTP itself ──────────────────────────────────────────────────────────────────────────────────────

HOST = b"Host: x\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n"
FRAMES = {
    "both lengths": (POST + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    "same length twice": (POST + HOST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "signed length": (POST + HOST + b"Content-Length: +7\r\n\r\n", 400),
    "xchunked": (POST + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
    "chunked twice": (POST + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "bad chunk": (POST + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "bare LF": (b"POST /v1/chat/completions HTTP/1.1\nHost: x\n\n", 400),
    "obs-fold": (POST + HOST + b"X-A: b\r\n c\r\n\r\n", 400),
    "no host": (POST + b"Content-Length: 2\r\n\r\n{}", 400),
    "two hosts": (POST + HOST + HOST + b"Content-Length: 2\r\n\r\n{}", 400),
    "large header": (POST + HOST + b"X-A: " + b"a" * 66_000 + b"\r\n\r\n", 431),
    "5,000 headers": (POST + HOST + b"".join(b"X-%d: a\r\n" % n for n in range(5000)) + b"\r\n", 431),
    "5,000 equal headers": (POST + HOST + b"A:\r\n" * 5000 + b"\r\n", 431),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 20, 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "space in name": (POST + HOST + b"X A: b\r\n\r\n", 400),
}


@pytest.mark.parametrize(("data", "status"), FRAMES.values(), ids=FRAMES.keys())
def test_framing(gateway, upstream, data, status):
    answer = raw(gateway, data)
    assert status_of(answer) == status or (status == 400 and status_of(answer) in (400, 505))
    assert answer.endswith(b"\r\n\r\n")  # the status alone
    assert not upstream.received


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://127.0.0.1/v1/models", 200),
        ("HTTP://llm.example.com:8080/v1/models?x=1", 200),
        ("https://x/health/live", 200),
        ("http://x", 404),
        ("http://x?v1/models", 404),
        ("http://x/v1/models/nothing", 404),
        ("http://user@x/v1/models", 404),
        ("ftp://x/v1/models", 404),
        ("http:///v1/models", 404),
        ("*", 404),
    ],
)
def test_a_target_may_name_its_host(gateway, target, status):
    key = gateway.headers("app")["authorization"]
    line = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nConnection: close\r\n\r\n"
    assert status_of(raw(gateway, line.encode())) == status


def test_a_target_that_names_its_host_takes_every_way(gateway, upstream):
    body = json.dumps(GOOD).encode()
    post = POST.replace(b" /", b" http://any.example/") + HOST
    post += b"Authorization: %b\r\n" % gateway.headers("app")["authorization"].encode()
    post += b"Content-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        for _ in range(2):  # the second time the head is known
            connection.sendall(post)
            assert status_of(connection.recv(65536)) == 200
    assert len(upstream.received) == 2


@pytest.mark.parametrize("path", ["/v1/models", "/health/live", "/v1/nothing", CHAT])
@pytest.mark.parametrize("key", ["app", "nobody"])
def test_every_answer_has_its_date_and_id(gateway, path, key):
    answer = gateway.get(path, key=key)
    assert answer.headers["date"].endswith(" GMT")
    assert answer.headers["x-request-id"]


def test_body_over_the_limit_with_a_length(gateway):
    head = (
        POST + HOST + b"Authorization: Bearer %b\r\n" % gateway.headers("app")["authorization"][7:].encode()
    )
    answer = raw(gateway, head + b"Content-Length: 999999999\r\n\r\n{")
    assert status_of(answer) == 413


def test_body_over_the_limit_without_a_length(gateway):
    head = (
        POST + HOST + b"Authorization: Bearer %b\r\n" % gateway.headers("app")["authorization"][7:].encode()
    )
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):
            connection.sendall(chunk)
        assert status_of(connection.recv(65536)) == 413


def test_unauthenticated_body_is_not_read(gateway):
    assert status_of(raw(gateway, POST + HOST + b"Content-Length: 1000000\r\n\r\n{")) == 401


def test_pipelined_requests_are_answered_in_order(gateway):
    one = b"GET /v1/models/%b HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\n%b\r\n"
    key = gateway.headers("app")["authorization"].encode()
    data = b"".join(one % (name, key, b"") for name in (b"solver", b"gpt-5", b"slow") * 20)
    answer = raw(gateway, data + one % (b"nothing", key, b"Connection: close\r\n"))
    found = [part for part in (b"solver", b"gpt-5", b"slow") * 20]
    at = 0
    for name in found:
        at = answer.index(b'"id":"' + name + b'"', at) + 1
    assert answer.count(b"HTTP/1.1 200") == 60 and answer.count(b"HTTP/1.1 404") == 1


def test_expect_continue(gateway):
    body = json.dumps(GOOD).encode()
    head = POST + HOST + b"Authorization: %b\r\n" % gateway.headers("app")["authorization"].encode()
    head += b"Content-Type: application/json\r\nConnection: close\r\nExpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert status_of(connection.recv(65536)) == 200


def test_an_offered_upgrade_is_ignored(gateway):
    body = json.dumps(GOOD).encode()
    head = POST + HOST + b"Authorization: %b\r\n" % gateway.headers("app")["authorization"].encode()
    head += b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        for _ in range(2):
            connection.sendall(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            assert status_of(connection.recv(65536)) == 200


def test_body_in_pieces(gateway):
    body = json.dumps(GOOD).encode()
    head = POST + HOST + b"Authorization: %b\r\n" % gateway.headers("app")["authorization"].encode()
    data = head + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), 11):
            connection.sendall(data[at : at + 11])
        assert status_of(connection.recv(65536)) == 200


def test_http_1_0(gateway):
    answer = raw(gateway, b"GET /health/live HTTP/1.0\r\n\r\n")
    assert status_of(answer) == 200 and b"chunked" not in answer
