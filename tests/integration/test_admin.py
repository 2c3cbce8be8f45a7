"""The admin port: who may ask what, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, hash_of, running_gateway
from tests.support.processes import CHAT, SERVED, body, write

KEYS = {"app": "hg_app", "reader": "hg_reader", "admin": "hg_admin"}
CONFIG = SERVED.replace(
    "lame_duck: 0s",
    f"""lame_duck: 0s
  signing_keys: ["{"canary-signing-" * 3}"]
  keys:
    - {{name: app, application: tests, hash: "{hash_of("hg_app")}", scopes: [chat]}}
    - {{name: reader, application: watchers, hash: "{hash_of("hg_reader")}", scopes: [admin:read]}}
    - {{name: admin, application: operators, hash: "{hash_of("hg_admin")}", scopes: [admin]}}""",
).replace(
    "upstreams:",
    'upstreams:\n  spare: {provider: openai, api_key: "canary-key", headers: {x-team: canary-team}}',
)
READS = ("/admin/v1/config", "/docs", "/openapi.json")
EXPLAIN = "/admin/v1/explain"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(write(tmp_path_factory.mktemp("gateway"), CONFIG), keys=KEYS) as gateway:
        yield gateway


@pytest.mark.parametrize("path", READS)
def test_reading_needs_the_scope(gateway, path):
    assert gateway.admin("GET", path, key="admin").status == 200
    assert gateway.admin("GET", path, key="reader").status == 200
    refused = gateway.admin("GET", path, key="app")
    assert (refused.status, refused.error["code"]) == (403, "insufficient_scope")
    assert refused.error["message"] == "This key does not have the scope 'admin' or 'admin:read'."
    unknown = gateway.admin("GET", path, key="nobody")
    assert (unknown.status, unknown.error["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic hg_admin", "hg_admin", "Bearer hg_admin x", "Bearer é"]
)
def test_odd_credentials(gateway, value):
    refused = gateway.admin("GET", "/admin/v1/config", headers={"authorization": value})
    assert (refused.status, refused.error["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
def test_open_paths(gateway, path):
    assert gateway.admin("GET", path, key="nobody").status == 200


def test_configuration_without_its_secrets(gateway):
    answer = gateway.admin("GET", "/admin/v1/config")
    assert answer.json["routes"]["solver"]["rollout"]["candidate"] == "tuned"
    assert answer.json["upstreams"]["spare"]["provider"] == "openai"
    assert b"canary" not in answer.body


def test_explain_sends_nothing_and_says_where_it_would_go(gateway):
    question = {"request": body(), "headers": {"X-Headgate-Key": "someone"}}
    said = gateway.admin("POST", EXPLAIN, question, key="reader").json
    assert (said["route"], said["segment"], said["reason"]) == ("solver", "all", "rollout")
    assert said["variant"] in ("tuned", "base")
    assert said["key_source"] == "header"
    assert said["revision"] == 1
    assert said == gateway.admin("POST", EXPLAIN, question, key="reader").json
    pinned = gateway.admin(
        "POST", EXPLAIN, {"request": body(), "headers": {"x-headgate-variant": "tuned"}}
    ).json
    assert (pinned["variant"], pinned["reason"]) == ("tuned", "pinned")
    assert gateway.metric("headgate_attempts_total") == 0


def test_explain_is_what_happens(gateway):
    for number in range(10):
        headers = {"x-headgate-key": f"user {number}"}
        said = gateway.admin("POST", EXPLAIN, {"request": body(), "headers": headers}).json
        assert gateway.post(CHAT, body(), headers=headers).headers["x-headgate-variant"] == said["variant"]


@pytest.mark.parametrize(
    ("question", "status", "param"),
    [
        (None, 400, None),
        ([], 400, None),
        (b'{"request": }', 400, None),
        ({"request": "hi"}, 400, "request"),
        ({"request": {"messages": []}}, 400, "model"),
        ({"request": {"model": 1, "messages": []}}, 400, "model"),
        ({"request": {"model": "solver", "messages": []}}, 400, "messages"),
        ({"request": {"model": "solver", "messages": ["hi"]}}, 400, "messages"),
        ({"request": body(model="nobody")}, 404, "model"),
        ({"request": body(), "headers": {"x-headgate-variant": "nobody"}}, 400, "x-headgate-variant"),
        ({"request": body(), "headers": {"x-headgate-key": "k" * 600}}, 400, "x-headgate-key"),
    ],
)
def test_explain_refuses(gateway, question, status, param):
    refused = gateway.admin("POST", EXPLAIN, question)
    assert refused.status == status
    assert refused.error["param"] == param
    assert refused.error["type"] == "invalid_request_error"


def test_what_is_known_of_a_request(gateway):
    answer = gateway.post(CHAT, body(), headers={"x-headgate-key": "someone"})
    path = f"/admin/v1/requests/{answer.headers['x-request-id']}"
    gateway.wait_until(lambda: gateway.admin("GET", path).json["exposure"] is not None)
    known = gateway.admin("GET", path, key="reader").json
    variant = answer.headers["x-headgate-variant"]
    assert (known["application"], known["route"], known["segment"], known["variant"]) == (
        "tests",
        "solver",
        "all",
        variant,
    )
    assert (known["epoch"], known["period"], known["compared"]) == (1, 1, "compared")
    assert known["exposure"]["status"] == "ok"
    assert known["exposure"]["served"] == variant
    assert known["exposure"]["cost"] == pytest.approx(float(answer.headers["x-headgate-cost-usd"]))
    assert known["outcomes"] == []


@pytest.mark.parametrize(
    ("faults", "streamed", "failure"),
    [
        ({"status": "401"}, False, "denied 401"),
        ({"status": "400"}, False, "rejected 400"),
        ({"status": "503"}, True, "server_error 503"),
        ({"reset-after": "head"}, False, "ambiguous"),
        ({"reset-after": "3"}, True, "broken"),
        ({}, False, None),
    ],
)
def test_what_a_request_failed_by(gateway, faults, streamed, failure):
    headers = {f"x-simulated-{name}": value for name, value in faults.items()}
    answer = gateway.post(CHAT, body(stream=streamed), headers={"x-headgate-key": "someone", **headers})
    path = f"/admin/v1/requests/{answer.headers['x-request-id']}"
    gateway.wait_until(lambda: gateway.admin("GET", path).json["exposure"] is not None)
    known = gateway.admin("GET", path).json["exposure"]
    assert known["failure"] == failure and (known["status"] == "ok") is (failure is None)


def test_a_request_id_that_is_none(gateway):
    real = gateway.post(CHAT, body()).headers["x-request-id"]
    for wrong in ("x", real[:-1] + ("A" if real[-1] != "A" else "B"), real[:40], "%00" * 108):
        refused = gateway.admin("GET", f"/admin/v1/requests/{wrong}")
        assert refused.status == 400
        assert wrong not in refused.error["message"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:{port}", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1:1", 403),
    ],
)
def test_other_sites_pages_may_not_post(gateway, origin, status):
    headers = {} if origin is None else {"origin": origin.format(port=gateway.admin_port)}
    assert gateway.admin("POST", EXPLAIN, {"request": body()}, headers=headers).status == status


def test_errors_are_in_the_envelope(gateway):
    assert gateway.admin("GET", "/admin/v1/nothing").error["code"] == "not_found"
    wrong = gateway.admin("POST", "/admin/v1/config", {})
    assert (wrong.status, wrong.error["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "GET")


def test_without_keys_only_this_machine_is_served(tmp_path):
    with running_gateway(write(tmp_path)) as gateway:
        for host in (f"127.0.0.1:{gateway.admin_port}", "localhost", "[::1]:80"):
            assert gateway.admin("GET", "/admin/v1/config", headers={"host": host}).status == 200
        rebound = gateway.admin("GET", "/admin/v1/config", headers={"host": "evil.example"})
        assert (rebound.status, rebound.error["code"]) == (401, "invalid_api_key")
