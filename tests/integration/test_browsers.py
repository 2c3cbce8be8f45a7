"""Pages in a browser: who may read an answer, and what a browser asks before (Fetch standard, 3.2)."""

from __future__ import annotations

import pytest

from tests.integration.conftest import KEYS
from tests.support import scripted
from tests.support.gateway import hash_of, running_gateway

PAGE = "https://app.example.com"
CONFIG = """
server:
  keys: [{{name: app, hash: "{app}"}}]
  cors: {{origins: [{origins}], max_age: 5m}}
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  solver: {{variants: {{only: {{upstream: main, model: m}}}}, variant: only}}
"""
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]
ASKING = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


@pytest.fixture(scope="module")
def start(shared_upstream, tmp_path_factory):
    def make(*origins):
        path = tmp_path_factory.mktemp("browsers") / "headgate.yaml"
        listed = ", ".join(f'"{origin}"' for origin in origins)
        path.write_text(CONFIG.format(url=shared_upstream.url, app=hash_of(KEYS["app"]), origins=listed))
        return running_gateway(path, keys=KEYS)

    return make


@pytest.fixture(scope="module")
def listed(start):
    with start(PAGE, "http://localhost:3000") as gateway:
        yield gateway


def test_a_page_may_ask_first(listed):
    answer = listed.request("OPTIONS", CHAT, headers={"origin": PAGE} | ASKING, key="")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-headers"] == "authorization, *"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "300"
    assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize("stream", [False, True])
def test_a_page_may_read_the_answer_and_its_headers(listed, upstream, stream):
    if stream:
        upstream.script = lambda received: scripted.stream(scripted.event("hello"))
    body = {"model": "solver", "messages": MESSAGES, "stream": stream}
    answer = listed.post(CHAT, body, headers={"origin": PAGE})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-expose-headers"] == "*"


@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/health/ready", "/nowhere"])
def test_a_page_may_read_errors_too(listed, path):
    answer = listed.get(path, headers={"origin": PAGE}, key="nobody")
    assert answer.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", PAGE + ".evil.com", "http" + PAGE[5:]]
)
def test_other_pages_may_not(listed, origin):
    asked = listed.request("OPTIONS", CHAT, headers={"origin": origin} | ASKING, key="")
    answer = listed.get("/v1/models", headers={"origin": origin})
    for one in (asked, answer):
        assert "access-control-allow-origin" not in one.headers
        assert one.headers["vary"] == "origin"
    assert asked.status == 405


def test_programs_are_served_as_ever(listed):
    answer = listed.get("/v1/models")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def test_every_page(start):
    with start("*") as gateway:
        asked = gateway.request("OPTIONS", CHAT, headers={"origin": PAGE} | ASKING, key="")
        assert (asked.status, asked.headers["access-control-allow-origin"]) == (200, "*")
        assert (
            gateway.get("/v1/models", headers={"origin": PAGE}).headers["access-control-allow-origin"] == "*"
        )


def test_without_configuration_nothing_is_said(gateway):
    asked = gateway.request("OPTIONS", CHAT, headers={"origin": PAGE} | ASKING, key="")
    assert (asked.status, asked.headers["allow"]) == (405, "POST")
    assert not [name for name in asked.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/v1/models", "/health/live"])
def test_head_is_get_without_the_body(gateway, path):
    answer, shown = gateway.get(path), gateway.request("HEAD", path)
    assert (shown.status, shown.body) == (answer.status, b"")
    assert shown.headers["content-length"] == answer.headers["content-length"]
