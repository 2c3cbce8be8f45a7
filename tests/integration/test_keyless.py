"""A gateway without keys: programs of its own machine are served, no web pages and no proxies' clients."""

from __future__ import annotations

import json
import socket

import pytest

from tests.support import scripted
from tests.support.client import PATIENCE
from tests.support.gateway import running_gateway

PAGE = "http://localhost:3000"
EVIL = "http://evil.example.com:8080"
CHAT = "/v1/chat/completions"
GOOD = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}
CONFIG = """
server: {{lame_duck: 0s{cors}}}
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  solver: {{variants: {{only: {{upstream: main, model: m}}}}, variant: only}}
passthrough: {{upstream: main, paths: [files]}}
"""
PATHS = [CHAT, "/v1/files", "/v1/responses/resp_1/cancel", "/v1/outcomes"]


@pytest.fixture(scope="module")
def start(shared_upstream, tmp_path_factory):
    def make(cors="", **options):
        path = tmp_path_factory.mktemp("keyless") / "headgate.yaml"
        path.write_text(CONFIG.format(url=shared_upstream.url, cors=cors))
        return running_gateway(path, **options)

    return make


@pytest.fixture(scope="module")
def keyless(start):
    with start() as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _answering(upstream):
    upstream.script = lambda received: scripted.answer("fine")


def refused(answer):
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert "server.keys" in answer.error["message"]
    return answer.error["message"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "app.localhost:1",
        "127.0.0.1",
        "127.8.9.1:80",
        "[::1]",
        "[::1]:8080",
        "gateway",
    ],
)
def test_programs_of_this_machine_are_served(keyless, host):
    for _ in range(2):  # the second time the head is known
        assert keyless.post(CHAT, GOOD, headers={"host": host}).status == 200
    assert keyless.get("/v1/models", headers={"host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example.com:8080", "llm.example.com", "localhost.example.com", "127.0.0.1.example.com",
     "xlocalhost.", "10.0.0.1", "[::2]", "localhost:80@example.com", ".localhost", "",
     "localhost, evil.example.com"],
)  # fmt: skip
def test_a_name_that_was_made_to_point_here_is_not(keyless, upstream, host):
    for path in PATHS * 2:
        refused(keyless.post(path, GOOD, headers={"host": host}))
    refused(keyless.get("/v1/models", headers={"host": host}))
    assert not upstream.received


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto", "forwarded", "x-real-ip", "via",
     "cf-connecting-ip"],
)  # fmt: skip
def test_what_a_proxy_hands_on_is_not(keyless, upstream, header):
    for path in PATHS * 2:
        refused(keyless.post(path, GOOD, headers={header: "127.0.0.1"}))
    assert not upstream.received


@pytest.mark.parametrize(
    "origin", [EVIL, PAGE, "null", "", "http://localhost", "https://localhost:8080", "http://localhost:8080/"]
)
@pytest.mark.parametrize("typed", ["text/plain", "application/json"])
def test_pages_of_other_sites_are_not(keyless, upstream, origin, typed):
    headers = {"host": "localhost:8080", "origin": origin, "content-type": typed}
    for path in PATHS * 2:
        assert "server.cors" in refused(keyless.post(path, GOOD, headers=headers))
    refused(keyless.get("/v1/models", headers=headers))
    assert not upstream.received


def test_a_page_that_was_made_to_be_of_this_site_is_not(keyless, upstream):
    headers = {"host": "evil.example.com:8080", "origin": EVIL}
    refused(keyless.post(CHAT, GOOD, headers=headers))
    assert not upstream.received


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_pages_that_it_would_serve_itself_are(keyless, host):
    headers = {"host": host, "origin": f"http://{host}"}
    assert keyless.post(CHAT, GOOD, headers=headers).status == 200


def test_one_refusal_is_not_the_next_ones(keyless):
    """Heads are remembered; who sent them is not."""
    for host, status in [("evil.example.com", 401), ("localhost", 200)] * 3:
        assert keyless.post(CHAT, GOOD, headers={"host": host}).status == status


def test_pages_that_are_listed_are_served_under_a_local_name_only(start):
    with start(f', cors: {{origins: ["{PAGE}"]}}') as gateway:
        assert gateway.post(CHAT, GOOD, headers={"origin": PAGE}).status == 200
        refused(gateway.post(CHAT, GOOD, headers={"origin": EVIL}))
        refused(gateway.post(CHAT, GOOD, headers={"origin": PAGE, "host": "evil.example.com"}))


def test_every_page_where_that_is_configured(start):
    with start(', cors: {origins: ["*"]}') as gateway:
        assert gateway.post(CHAT, GOOD, headers={"origin": EVIL}).status == 200


def test_health_is_everybodys(keyless):
    assert keyless.get("/health/ready", headers={"host": "llm.example.com", "origin": EVIL}).status == 200


def test_without_a_host(keyless):
    body = json.dumps(GOOD).encode()
    with socket.create_connection(("127.0.0.1", keyless.port), PATIENCE) as client:
        client.sendall(b"POST %b HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(body)) + body)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("named", "status"), [("evil.example.com", 401), ("localhost:8080", 200)])
def test_the_host_of_a_target_counts(keyless, named, status):
    head = f"GET http://{named}/v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", keyless.port), PATIENCE) as client:
        client.sendall(head.encode())
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 %d " % status)


def test_listening_to_everybody_without_keys_is_warned_of(start, keyless):
    said = "other machines are refused"
    with start(options=["--host", "0.0.0.0", "--workers", "1"]) as gateway:
        assert gateway.logged(said)
        assert gateway.post(CHAT, GOOD).status == 200
    assert not keyless.logged(said)


def test_a_listener_of_both_families(start):
    """The peer of a connection over IPv4 is then written as an address of IPv6."""
    with start(options=["--host", "::", "--workers", "1"]) as gateway:
        assert gateway.post(CHAT, GOOD).status == 200


def test_the_admin_port_serves_no_proxys_clients_either(keyless):
    assert keyless.admin("GET", "/admin/v1/config").status == 200
    refused(keyless.admin("GET", "/admin/v1/config", headers={"x-forwarded-for": "127.0.0.1"}))
