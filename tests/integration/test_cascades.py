"""Cascades: the cheap variant is asked, its answer judged, and only if that fails the strong one is asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading

import pytest

from tests.integration.conftest import KEYS
from tests.support import scripted
from tests.support.gateway import hash_of, running_gateway
from tests.support.processes import WORKER

CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}", scopes: [chat, outcomes, pin]}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  solver: &solver
    variants:
      cheap: {{upstream: main, model: cheap, price: {{input: 1, cached_input: 1, output: 1}}}}
      strong: {{upstream: main, model: strong, price: {{input: 10, cached_input: 10, output: 10}}}}
      other: {{upstream: main, model: other, price: {{input: 5, cached_input: 5, output: 5}}}}
    segments:
      - {{name: hard, when: {{metadata.hard: true}}, cascade: {{first: cheap, then: strong}}}}
      - {{name: ordinary, variant: cheap}}
    fallbacks: [other, strong]
    retries: 0
    timeouts: {{total: 3s}}
    validators: [{{type: code_block, language: cpp}}]
    breaker: "off"
  unpriced:
    variants: {{cheap: {{upstream: main, model: cheap}}, strong: {{upstream: main, model: strong}}}}
    cascade: {{first: cheap, then: strong}}
    validators: [{{type: json}}]
  slow:
    variants: {{cheap: {{upstream: main, model: cheap}}, strong: {{upstream: main, model: strong}}}}
    cascade: {{first: cheap, then: strong}}
    validators: [{{type: regex, pattern: "(a+)+$", match: full}}]
    timeouts: {{total: 2s}}
"""
GOOD = "Here:\n```cpp\nint main() {}\n```\n"
BAD = "no program"
CHAT = "/v1/chat/completions"
USED = 120  # tokens of one answer


@pytest.fixture(scope="module")
def gateway(shared_upstream, tmp_path_factory):
    path = tmp_path_factory.mktemp("cascades") / "headgate.yaml"
    hashes = {name: hash_of(KEYS[name]) for name in ("app", "admin")}
    path.write_text(CONFIG.replace("&solver", "").format(url=shared_upstream.url, **hashes))
    with running_gateway(path, keys=KEYS) as running:
        yield running


def script(upstream, **says):
    """Each model answers with its text, or with its own steps."""

    def play(received):
        said = says[received.json["model"]]
        return scripted.answer(said) if isinstance(said, str) else said

    upstream.script = play


def asked(upstream):
    return [received.json["model"] for received in upstream.received]


def ask(gateway, model="solver", headers=None, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "2 + 2"}], "metadata": {"hard": "true"}}
    return gateway.post(CHAT, {**body, **more}, headers=headers or {})


def settle(gateway, upstream):
    """Returns once all that was asked before is counted: workers tell of it in order."""
    refused = {"route": "unpriced", "status": "client_error"}
    before = gateway.metric("headgate_requests_total", **refused)
    script(upstream, cheap=scripted.answer(status=400, body=b'{"error": {"message": "no"}}'))
    assert ask(gateway, "unpriced").status == 400
    gateway.wait_for_metric(before + 1, "headgate_requests_total", **refused)
    upstream.received.clear()


def text(answer):
    return answer.json["choices"][0]["message"]["content"]


def test_an_answer_that_validates_is_served(gateway, upstream):
    script(upstream, cheap=GOOD)
    answer = ask(gateway)
    assert text(answer) == GOOD and asked(upstream) == ["cheap"]
    said = answer.headers
    assert said["x-headgate-reason"] == "cascade" and said["x-headgate-cascade"] == "passed"
    assert said["x-headgate-variant"] == said["x-headgate-served-variant"] == "cheap"
    assert said["x-headgate-attempts"] == "1"
    assert float(said["x-headgate-cost-usd"]) == pytest.approx(USED * 1e-6)


def test_one_that_fails_is_asked_of_the_second_and_both_are_charged(gateway, upstream):
    settle(gateway, upstream)
    script(upstream, cheap=BAD, strong=GOOD)
    cost = gateway.metric("headgate_cost_usd_total", route="solver", segment="hard")
    tokens = {name: gateway.metric("headgate_tokens_total", variant=name) for name in ("cheap", "strong")}
    failed = gateway.metric("headgate_cascades_total", result="failed")
    passed = gateway.metric("headgate_validations_total", result="passed")
    answer = ask(gateway)
    assert text(answer) == GOOD and asked(upstream) == ["cheap", "strong"]
    said = answer.headers
    assert said["x-headgate-variant"] == "cheap" and said["x-headgate-served-variant"] == "strong"
    assert said["x-headgate-reason"] == "cascade" and said["x-headgate-cascade"] == "failed"
    assert said["x-headgate-model"] == "strong" and said["x-headgate-attempts"] == "2"
    assert float(said["x-headgate-cost-usd"]) == pytest.approx(USED * 11e-6)
    gateway.wait_for_metric(failed + 1, "headgate_cascades_total", result="failed")
    gateway.wait_for_metric(passed + 1, "headgate_validations_total", result="passed")
    spent = gateway.metric("headgate_cost_usd_total", route="solver", segment="hard") - cost
    assert spent == pytest.approx(USED * 11e-6)
    for name, before in tokens.items():
        assert gateway.metric("headgate_tokens_total", variant=name) == before + USED
    known = gateway.admin("GET", f"/admin/v1/requests/{said['x-request-id']}").json
    assert known["exposure"]["attempts"] == 2
    assert known["exposure"]["cost"] == pytest.approx(USED * 11e-6)
    assert known["outcomes"][0]["value"] is True


def test_a_refusal_goes_to_the_second(gateway, upstream):
    refusal = {"choices": [{"index": 0, "message": {"role": "assistant", "refusal": "no"}}]}
    script(upstream, cheap=scripted.answer(body=json.dumps(refusal).encode()), strong=GOOD)
    assert text(ask(gateway)) == GOOD and asked(upstream) == ["cheap", "strong"]


HALF = [scripted.answer(GOOD)[0][:-40], scripted.CLOSE]


@pytest.mark.parametrize("failure", [scripted.answer(status=500), [scripted.RESET], HALF])
def test_without_a_whole_answer_of_the_first_the_second_is_the_next(gateway, upstream, failure):
    script(upstream, cheap=failure, strong=BAD)
    answer = ask(gateway)
    assert text(answer) == BAD and asked(upstream) == ["cheap", "strong"], "not `other`, and judged by nobody"
    assert "x-headgate-cascade" not in answer.headers


def test_a_request_that_is_at_fault_is_asked_once(gateway, upstream):
    script(upstream, cheap=scripted.answer(status=400, body=b'{"error": {"message": "no"}}'))
    assert ask(gateway).status == 400 and asked(upstream) == ["cheap"]


@pytest.mark.parametrize(
    "failure", [scripted.answer(status=500), scripted.answer(status=400), [scripted.RESET]]
)
def test_when_the_second_fails_the_first_answer_is_still_one(gateway, upstream, failure):
    script(upstream, cheap=BAD, strong=failure)
    tokens = gateway.metric("headgate_tokens_total", variant="cheap")
    answer = ask(gateway)
    assert answer.status == 200 and text(answer) == BAD and asked(upstream) == ["cheap", "strong"]
    said = answer.headers
    assert said["x-headgate-served-variant"] == "cheap" and said["x-headgate-cascade"] == "failed"
    assert said["x-headgate-attempts"] == "2"
    assert float(said["x-headgate-cost-usd"]) == pytest.approx(USED * 1e-6)
    gateway.wait_for_metric(tokens + USED, "headgate_tokens_total", variant="cheap")


def test_one_deadline_covers_both(gateway, upstream):
    never = threading.Event()
    script(upstream, cheap="ab", strong=[scripted.Wait(never)])
    answer = ask(gateway, "slow")
    assert answer.status == 200 and text(answer) == "ab" and asked(upstream) == ["cheap", "strong"]


def test_what_takes_too_long_to_judge_is_served(gateway, upstream):
    script(upstream, cheap="a" * 60 + "b", strong="a")
    answer = ask(gateway, "slow")
    assert answer.status == 200 and asked(upstream) == ["cheap"]
    assert answer.headers["x-headgate-cascade"] == "skipped"


def test_what_nobody_judges_in_time_is_served(gateway, upstream):
    script(upstream, cheap="ab", strong="a")
    gateway.wait_until(lambda: text(ask(gateway, "slow")) == "a")  # now a judge knows the rule
    (worker,) = gateway.children(WORKER)
    (judge,) = gateway.children("gateway.validation.child", worker)
    upstream.received.clear()
    os.kill(judge, signal.SIGSTOP)
    try:
        answer = ask(gateway, "slow")
    finally:
        with contextlib.suppress(ProcessLookupError):  # one that stands still for too long is ended
            os.kill(judge, signal.SIGCONT)
    assert answer.status == 200 and text(answer) == "ab" and asked(upstream) == ["cheap"]
    assert answer.headers["x-headgate-cascade"] == "skipped"


def test_a_stream_is_the_first_variants(gateway, upstream):
    upstream.script = lambda received: scripted.stream(scripted.event(BAD))
    answer = ask(gateway, stream=True)
    assert answer.status == 200 and asked(upstream) == ["cheap"]
    assert answer.headers["x-headgate-reason"] == "cascade"
    assert "x-headgate-cascade" not in answer.headers


def test_a_pinned_variant_is_asked_alone(gateway, upstream):
    script(upstream, cheap=BAD)
    answer = ask(gateway, headers={"x-headgate-variant": "cheap"})
    assert text(answer) == BAD and asked(upstream) == ["cheap"]


def test_a_sum_with_an_unknown_part_is_unknown(gateway, upstream):
    script(upstream, cheap=BAD, strong="{}")
    answer = ask(gateway, "unpriced")
    assert text(answer) == "{}" and "x-headgate-cost-usd" not in answer.headers


def test_responses_cascade_too(gateway, upstream):
    def response(said):
        output = [{"type": "message", "content": [{"type": "output_text", "text": said}]}]
        return scripted.answer(body=json.dumps({"id": "r", "status": "completed", "output": output}).encode())

    script(upstream, cheap=response(BAD), strong=response(GOOD))
    body = {"model": "solver", "input": "2 + 2", "metadata": {"hard": "true"}}
    assert gateway.post("/v1/responses", body).headers["x-headgate-served-variant"] == "strong"
    assert asked(upstream) == ["cheap", "strong"]
    script(upstream, cheap=scripted.answer(body=b'{"id": "r", "status": "queued", "output": []}'))
    gateway.post("/v1/responses", {**body, "background": True})
    assert asked(upstream) == ["cheap", "strong", "cheap"]


def test_an_embedding_has_no_second(gateway, upstream):
    script(upstream, cheap=scripted.answer(body=b'{"object": "list", "data": []}'))
    body = {"model": "solver", "input": "2 + 2", "metadata": {"hard": "true"}}
    assert gateway.post("/v1/embeddings", body).status == 200
    assert asked(upstream) == ["cheap"]


def test_explained(gateway):
    request = {
        "model": "solver",
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"hard": "true"},
    }
    told = gateway.admin("POST", "/admin/v1/explain", {"request": request}).json
    assert (told["variant"], told["reason"], told["fallbacks"]) == ("cheap", "cascade", ["strong", "other"])


def test_who_leaves_in_between_has_the_first_answer_to_pay_for(gateway, upstream):
    settle(gateway, upstream)
    script(upstream, cheap=BAD, strong=[scripted.Wait(threading.Event())])
    cost = gateway.metric("headgate_cost_usd_total", route="solver", segment="hard")
    cancelled = {"route": "solver", "served_variant": "cheap", "status": "cancelled"}
    before = gateway.metric("headgate_requests_total", **cancelled)
    body = {"model": "solver", "messages": [{"role": "user", "content": "hi"}], "metadata": {"hard": "true"}}
    with gateway.open(CHAT, body, wait=False):
        gateway.wait_until(lambda: asked(upstream) == ["cheap", "strong"])
    assert upstream.received[1].closed.wait(20)
    gateway.wait_for_metric(before + 1, "headgate_requests_total", **cancelled)
    spent = gateway.metric("headgate_cost_usd_total", route="solver", segment="hard") - cost
    assert spent == pytest.approx(USED * 1e-6)
