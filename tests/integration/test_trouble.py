"""What the log says of upstreams that do not serve, while a fallback does."""

from __future__ import annotations

import json

import pytest

from tests.support.gateway import running_gateway
from tests.support.ports import free_ports
from tests.support.scripted import answer

CHAT = "/v1/chat/completions"
KEY = "sk-canary-of-a-key-0123456789"
WORDS = "words-of-the-upstream"
CONFIG = """
upstreams:
  main: {{provider: openai, base_url: "{url}", api_key: "{key}"}}
  gone: {{provider: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: "{key}"}}
  unnamed: {{provider: openai, base_url: "http://nowhere.invalid/v1"}}
routes:
  solver:
    variants:
      tuned: {{upstream: main, model: tuned}}
      gone: {{upstream: gone, model: m}}
      unnamed: {{upstream: unnamed, model: m}}
      base: {{upstream: main, model: base}}
    variant: tuned
    fallbacks: [base]
    retries: 0
    breaker: "off"
  watched:
    variants: {{tuned: {{upstream: main, model: tuned}}, base: {{upstream: main, model: base}}}}
    variant: tuned
    fallbacks: [base]
    retries: 0
    breaker: {{errors: 2, pause: 50ms}}
  quiet:
    variants: {{tuned: {{upstream: main, model: tuned}}, base: {{upstream: main, model: base}}}}
    segments: [{{name: all, variant: base, shadow: {{variant: tuned, percent: 100}}}}]
"""


@pytest.fixture
def gateway(shared_upstream, tmp_path):
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG.format(key=KEY, url=shared_upstream.url, port=free_ports(1)[0]))
    with running_gateway(config) as one:
        yield one


def ask(gateway, model: str = "solver", **headers: str):
    body = {"model": model, "messages": [{"role": "user", "content": "canary-prompt"}]}
    return gateway.post(CHAT, body, headers=headers)


def refusing(status: int):
    """A script in which the model `tuned` is refused."""
    body = json.dumps({"error": {"message": f"{WORDS} {KEY}", "code": "insufficient_quota"}}).encode()
    return lambda received: (
        answer(status=status, body=body) if received.json["model"] == "tuned" else answer()
    )


def lines(gateway, event: str) -> list[dict[str, object]]:
    return [line for line in gateway.log if line.get("event") == event]


def said(gateway, event: str) -> dict[str, object]:
    gateway.wait_until(lambda: bool(lines(gateway, event)))
    return lines(gateway, event)[0]


@pytest.mark.parametrize(
    ("status", "event", "words"),
    [
        (401, "credentials_refused", "refused our credentials (401)"),
        (403, "credentials_refused", "refused our credentials (403)"),
        (402, "quota_exhausted", "has no quota left (402)"),
        (429, "quota_exhausted", "has no quota left (429)"),
        (404, "model_unknown", "does not know the model, or has nothing at its path (404)"),
    ],
)
def test_a_denial_that_a_fallback_hides_is_in_the_log(gateway, upstream, status, event, words):
    upstream.script = refusing(status)
    for _ in range(5):
        assert ask(gateway).headers["x-headgate-served-variant"] == "base"
    line = said(gateway, event)
    assert line["message"] == f"upstream main {words} for route solver, variant tuned"
    assert line["level"] == "warning"
    told = {name: line[name] for name in ("upstream", "route", "variant", "reason", "left_out")}
    assert told == {
        "upstream": "main", "route": "solver", "variant": "tuned", "reason": str(status), "left_out": 0
    }  # fmt: skip
    gateway.stop()
    assert len(lines(gateway, event)) == 1
    log = json.dumps(gateway.log)
    assert WORDS not in log and KEY not in log and "canary-prompt" not in log


@pytest.mark.parametrize(
    ("variant", "reason"),
    [("gone", "connection refused"), ("unnamed", "its name cannot be resolved")],
)
def test_an_upstream_that_cannot_be_reached_is_in_the_log(gateway, upstream, variant, reason):
    assert ask(gateway, **{"x-headgate-variant": variant}).status == 200
    line = said(gateway, "upstream_unreachable")
    assert line["message"] == (
        f"upstream {variant} cannot be reached ({reason}) for route solver, variant {variant}"
    )


def test_a_breaker_is_in_the_log_when_it_opens_and_when_it_closes(gateway, upstream):
    upstream.script = refusing(503)
    gateway.wait_until(lambda: "x-headgate-breaker" in ask(gateway, "watched").headers)
    opened = said(gateway, "breaker_opened")
    assert (opened["route"], opened["variant"], opened["result"]) == ("watched", "tuned", "server_error")
    assert opened["errors_in_row"] == 2 and opened["error_share"] == 1.0 and opened["pause_seconds"] == 0.05
    upstream.script = lambda received: answer()
    gateway.wait_until(lambda: "x-headgate-breaker" not in ask(gateway, "watched").headers)
    assert said(gateway, "breaker_closed")["variant"] == "tuned"


def test_a_shadow_whose_key_is_refused_is_in_the_log(gateway, upstream):
    upstream.script = refusing(401)
    assert ask(gateway, "quiet").status == 200
    assert said(gateway, "credentials_refused")["route"] == "quiet"


def test_what_serves_is_not_spoken_of(gateway, upstream):
    for _ in range(3):
        assert ask(gateway).status == 200
    upstream.script = refusing(400)
    assert ask(gateway).status == 400
    gateway.stop()
    assert not [line for line in gateway.log if line.get("logger") == "headgate.worker"]
