"""The event log of a running gateway: every routed request and every outcome, and content only when asked."""

from __future__ import annotations

from zlib import crc32

import pytest

from routing.difficulty.dense import NAMES
from tests.integration.conftest import KEYS
from tests.support.event_log import events as logged_events
from tests.support.gateway import hash_of, running_gateway

CONFIG = """
server:
  keys: [{{name: app, application: tests, hash: "{app}"}}]
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}", api_key: upstream-canary}}
capture: {capture}
routes:
  solver:
    variants: {{tuned: {{upstream: main, model: t}}, base: {{upstream: main, model: b}}}}
    weights: {{tuned: 25, base: 75}}
"""
BODY = {
    "model": "solver",
    "messages": [{"role": "user", "content": "canary-prompt from a@example.com"}],
    "user": "canary-user",
    "metadata": {"note": "canary-metadata"},
}


@pytest.fixture
def logged(upstream, tmp_path):
    """Runs a request and its outcome; the events, and all bytes of the state directory."""

    def run(capture):
        path = tmp_path / "headgate.yaml"
        text = CONFIG.format(url=upstream.url, app=hash_of(KEYS["app"]), capture=capture)
        path.write_text(text)
        with running_gateway(path, keys=KEYS) as gateway:
            answer = gateway.post("/v1/chat/completions", BODY)
            assert answer.status == 200
            outcome = {
                "request_id": answer.headers["x-request-id"],
                "validation_passed": True,
                "reason": "ok",
            }
            reported = gateway.insist(lambda: gateway.post("/v1/outcomes", outcome))
            assert reported.status == 200
            gateway.wait_for_metric(1, "headgate_outcomes_total")
        state = tmp_path / "state"
        files = [file for file in state.rglob("*") if file.is_file()]
        events = logged_events(state / "log")
        if reported.json["data"][0]["status"] == "duplicate":  # one that had been answered 503 was written
            events = [event for event in events if event["status"] != "duplicate"]
        return events, b"".join(file.read_bytes() for file in files)

    return run


def test_a_request_and_its_outcome(logged):
    (exposure, outcome), _ = logged("{}")
    assert (exposure["type"], outcome["type"]) == ("exposure", "outcome")
    assert exposure["request"] == outcome["request"]
    assert exposure["application"] == outcome["application"] == "tests"
    assert exposure["variant"] == outcome["variant"] in ("tuned", "base")
    assert exposure["probability"] == {"tuned": 0.25, "base": 0.75}[exposure["variant"]]
    assert (exposure["status"], exposure["input"], exposure["output"]) == ("ok", 60, 15)
    assert (outcome["validation_passed"], outcome["reason"], outcome["status"]) == (True, "ok", "recorded")


def test_without_content_nothing_of_it_is_kept(logged):
    events, everything = logged("{}")
    for canary in (
        "canary-prompt",
        "canary-user",
        "canary-metadata",
        "upstream-canary",
        KEYS["app"],
        "hello",
    ):
        assert canary not in str(events)
        assert canary.encode() not in everything


def test_with_content_it_is_kept_but_for_what_is_redacted(logged):
    events, _ = logged("{content: true, redact: ['[a-z]+@[a-z.]+']}")
    exposure = next(event for event in events if event["type"] == "exposure")
    assert exposure["prompt"] == '[{"role":"user","content":"canary-prompt from [redacted]"}]'
    assert exposure["answer"] == "hello"


def test_features_are_kept_without_the_text(logged):
    events, everything = logged("{features: true}")
    exposure = next(event for event in events if event["type"] == "exposure")
    features = exposure["features"]
    assert f"{crc32(b'canary'):08x}" in features["words"] and len(features["dense"]) == len(NAMES)
    assert "prompt" not in exposure and "answer" not in exposure
    for canary in ("canary-prompt", "canary", "hello", "example"):
        assert canary not in str(events)
        assert canary.encode() not in everything
