"""Shadows: copies of what was answered go to another variant, and nobody notices but the metrics."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.gateway import hash_of, running_gateway
from tests.support.processes import WORKER
from tests.support.scripted import CLOSE, Wait, answer, event, stream

KEYS = {"app": "hg_app", "pinner": "hg_pinner", "admin": "hg_admin"}
SERVER = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}"}}
    - {{name: pinner, application: tests, hash: "{pinner}", scopes: [chat, pin]}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  lame_duck: 0s
  drain: {drain}
upstreams:
  main: {{provider: openai, base_url: "{url}", api_key: upstream-secret}}
  other: {{provider: openai, base_url: "{url}"}}
  nowhere: {{provider: openai, base_url: "http://127.0.0.1:9/v1"}}
"""
ROUTES = """
routes:
  watched:
    variants:
      base: {{upstream: main, model: base, price: {{input: 1, output: 2}}}}
      tuned: {{upstream: main, model: tuned, price: {{input: 10, output: 20}}, parameters: {{seed: 7}}}}
    variant: base
    fallbacks: [tuned]
    shadow: {{variant: tuned, percent: 100}}
    validators: [{{type: json}}]
    breaker: "off"
  bounded:
    variants: {{base: {{upstream: main, model: base}}, slow: {{upstream: main, model: slow}}}}
    variant: base
    shadow: {{variant: slow, percent: 100%, concurrency: 2}}
  dead:
    variants: {{base: {{upstream: main, model: base}}, gone: {{upstream: nowhere, model: gone}}}}
    variant: base
    shadow: {{variant: gone, percent: 100}}
  limited:
    variants: {{base: {{upstream: main, model: base}}, tuned: {{upstream: other, model: limited}}}}
    variant: base
    shadow: {{variant: tuned, percent: 100}}
  hasty:
    variants: {{base: {{upstream: main, model: base}}, late: {{upstream: main, model: late}}}}
    variant: base
    shadow: {{variant: late, percent: 100}}
    timeouts: {{total: 2s}}
  unseen:
    variants: {{base: {{upstream: main, model: base}}, never: {{upstream: main, model: never}}}}
    variant: base
    shadow: {{variant: never, percent: 0}}
  staged:
    variants: {{base: {{upstream: main, model: base}}, tuned: {{upstream: main, model: candidate}}}}
    rollout: {{baseline: base, candidate: tuned, stages: [50, 100]}}
    shadow: {{variant: tuned, percent: 100}}
"""
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = [{"role": "user", "content": "hi"}]
COPIES = "headgate_shadow_requests_total"


def configure(path, upstream, routes=ROUTES, drain="30s"):
    hashes = {name: hash_of(key) for name, key in KEYS.items()}
    path.write_text((SERVER + routes).format(url=upstream.url, drain=drain, **hashes))
    return path


@pytest.fixture(scope="module")
def shared(shared_upstream, tmp_path_factory):
    config = configure(tmp_path_factory.mktemp("shadow") / "headgate.yaml", shared_upstream)
    with running_gateway(config, keys=KEYS) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared, upstream):
    return shared


def ask(gateway, route, *, key="app", headers=None, **fields: Any):
    return gateway.post(CHAT, {"model": route, "messages": MESSAGES, **fields}, key=key, headers=headers)


def by_model(**scripts: Callable[[], Any]):
    """A script that goes by the model asked for; others are answered plainly."""

    def script(received):
        made = scripts.get(received.json["model"])
        return answer() if made is None else made()

    return script


def models(upstream):
    return [received.json["model"] for received in upstream.received]


def counted(gateway, route, status, more=1):
    """Waits for so many more copies that ended so than when this was made."""
    before = gateway.metric(COPIES, route=route, status=status)
    return lambda: gateway.wait_for_metric(before + more, COPIES, route=route, status=status)


def test_a_copy_goes_out_behind_the_answer(gateway, upstream):
    held, ended = threading.Event(), counted(gateway, "watched", "ok")
    upstream.script = by_model(base=lambda: [Wait(held), *answer()])
    with gateway.open(CHAT, {"model": "watched", "messages": MESSAGES}, wait=False) as opened:
        gateway.wait_until(lambda: bool(upstream.received))
        assert models(upstream) == ["base"]
        held.set()
        assert opened.begin().status == 200
    ended()
    assert models(upstream) == ["base", "tuned"]


def test_what_a_copy_asks(gateway, upstream):
    ended = counted(gateway, "watched", "ok")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {
        "idempotency-key": "one", "x-client-request-id": "two", "traceparent": trace, "openai-beta": "three",
        "user-agent": "four", "cookie": "five", "authorization": f"Bearer {KEYS['app']}",
    }  # fmt: skip
    got = ask(gateway, "watched", headers=headers, unknown={"a": [1]}, metadata={"b": "c"}, store=True)
    assert (got.status, got.headers["x-headgate-served-variant"]) == (200, "base")
    ended()
    first, copy = upstream.received
    assert first.json == {
        "model": "base", "messages": MESSAGES, "unknown": {"a": [1]}, "metadata": {"b": "c"}, "store": True,
    }  # fmt: skip
    assert copy.json == {"model": "tuned", "messages": MESSAGES, "unknown": {"a": [1]}, "seed": 7}
    assert first.headers["idempotency-key"] == "one"
    kept = {name: copy.headers[name] for name in ("openai-beta", "user-agent", "authorization")}
    assert kept == {"openai-beta": "three", "user-agent": "four", "authorization": "Bearer upstream-secret"}
    assert not {"idempotency-key", "x-client-request-id", "traceparent", "cookie"} & copy.headers.keys()


def test_a_streams_copy_is_asked_for_whole_when_it_has_ended(gateway, upstream):
    ended = counted(gateway, "watched", "ok")
    upstream.script = by_model(base=lambda: stream(event("he"), event("llo")))
    options = {"stream": True, "stream_options": {"include_usage": True}}
    assert ask(gateway, "watched", **options).body.endswith(b"data: [DONE]\n\n")
    ended()
    first, copy = upstream.received
    assert first.json["stream"] is True
    assert copy.json == {"model": "tuned", "messages": MESSAGES, "seed": 7}


def test_one_that_does_not_answer_delays_nothing_and_takes_no_more_than_its_bound(gateway, upstream):
    held, shed, ended = (
        threading.Event(),
        *(counted(gateway, "bounded", *of) for of in (("shed", 3), ("ok", 2))),
    )
    upstream.script = by_model(slow=lambda: [Wait(held), *answer()])
    for _ in range(5):
        assert ask(gateway, "bounded").status == 200
    shed()
    gateway.wait_until(lambda: models(upstream).count("slow") == 2)
    gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 0)
    held.set()
    ended()
    again = counted(gateway, "bounded", "ok")
    assert ask(gateway, "bounded").status == 200
    again()


def test_one_that_is_not_there_fails_nobody(gateway, upstream):
    ended = counted(gateway, "dead", "upstream_error", 5)
    for _ in range(5):
        got = ask(gateway, "dead")
        assert (got.status, got.headers["x-headgate-attempts"]) == (200, "1")
        assert "x-headgate-breaker" not in got.headers
    ended()
    assert gateway.metric("headgate_requests_total", route="dead", status="ok") == 5
    assert gateway.metric("headgate_requests_total", route="dead") == 5
    assert gateway.metric("headgate_attempts_total", variant="gone") == 0
    assert gateway.metric("headgate_breaker_open", variant="gone") == 0


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (lambda: answer(status=400, body=b'{"error": {"message": "no"}}'), "client_error"),
        (lambda: answer(status=500, body=b"{}"), "upstream_error"),
        (lambda: answer(body=b'{"error": {"message": "no"}}'), "upstream_error"),
        (lambda: answer(body=b"no JSON"), "upstream_error"),
        (lambda: [CLOSE], "upstream_error"),
    ],
)
def test_how_copies_end(gateway, upstream, script, status):
    ended = counted(gateway, "watched", status)
    upstream.script = by_model(tuned=script)
    assert ask(gateway, "watched").status == 200
    ended()
    assert models(upstream) == ["base", "tuned"], "there is no second try"


def test_it_has_the_time_that_a_request_has(gateway, upstream):
    ended = counted(gateway, "hasty", "timeout")
    upstream.script = by_model(late=lambda: [Wait(threading.Event())])
    assert ask(gateway, "hasty").status == 200
    ended()
    assert upstream.received[1].closed.wait(20)


def test_an_upstream_that_limits_gets_no_more(gateway, upstream):
    limited, shed = counted(gateway, "limited", "upstream_error"), counted(gateway, "limited", "shed")
    upstream.script = by_model(limited=lambda: answer(status=429, headers={"retry-after": "600"}, body=b"{}"))
    assert ask(gateway, "limited").status == 200
    limited()
    assert ask(gateway, "limited").status == 200
    shed()
    assert models(upstream) == ["base", "limited", "base"]


def test_its_cost_is_nobody_elses(gateway, upstream):
    """The shadow's tokens cost ten times as much."""
    watched = {"route": "watched", "segment": "all"}
    ended = counted(gateway, "watched", "ok")
    series = {
        "cost": ("headgate_cost_usd_total", watched),
        "application": ("headgate_application_cost_usd_total", {"application": "tests", "route": "watched"}),
        "tokens": ("headgate_tokens_total", {"route": "watched"}),
        "requests": ("headgate_requests_total", {"route": "watched"}),
        "attempts": ("headgate_attempts_total", {"upstream": "main"}),
        "copies": ("headgate_shadow_cost_usd_total", {**watched, "variant": "tuned"}),
        "answers": ("headgate_shadow_request_duration_seconds_count", {**watched, "variant": "tuned"}),
    }
    before = {name: gateway.metric(one, **labels) for name, (one, labels) in series.items()}
    cost = float(ask(gateway, "watched").headers["x-headgate-cost-usd"])
    ended()
    more = {name: gateway.metric(one, **labels) - before[name] for name, (one, labels) in series.items()}
    assert (more["cost"], more["application"]) == pytest.approx((cost, cost))
    assert more["copies"] == pytest.approx(cost * 10)
    assert (more["tokens"], more["requests"], more["attempts"], more["answers"]) == (120, 1, 1, 1)
    assert gateway.metric("headgate_requests_total", variant="tuned", route="watched") == 0
    assert gateway.metric("headgate_cost_usd_total", variant="tuned", route="watched") == 0


def test_a_cost_that_is_not_known(gateway, upstream):
    unpriced = "headgate_shadow_unpriced_requests_total"
    before = gateway.metric(unpriced, route="bounded", variant="slow")
    assert ask(gateway, "bounded").status == 200
    gateway.wait_for_metric(before + 1, unpriced, route="bounded", variant="slow")
    assert gateway.metric("headgate_shadow_cost_usd_total", route="bounded") == 0


@pytest.mark.parametrize(
    ("said", "result"), [("{}", "passed"), ("no JSON", "failed"), ("x" * 600_000, "skipped")]
)
def test_its_answers_are_judged_and_are_no_outcomes(gateway, upstream, said, result):
    judged = "headgate_shadow_validations_total"
    labels = {"route": "watched", "segment": "all", "variant": "tuned"}
    before = gateway.metric(judged, **labels, result=result)
    served = gateway.metric("headgate_validations_total", route="watched", result="passed")
    upstream.script = by_model(base=lambda: answer('{"good": 1}'), tuned=lambda: answer(said))
    assert ask(gateway, "watched").status == 200
    gateway.wait_for_metric(before + 1, judged, **labels, result=result)
    gateway.wait_for_metric(served + 1, "headgate_validations_total", route="watched", result="passed")
    assert gateway.metric("headgate_validations_total", variant="tuned") == 0
    assert gateway.metric("headgate_outcomes_total", variant="tuned") == 0


def test_who_is_not_copied(gateway, upstream):
    """A copy that must come behind them shows that they have none."""
    assert ask(gateway, "unseen").status == 200
    assert ask(gateway, "watched", key="pinner", headers={"x-headgate-variant": "base"}).status == 200
    upstream.script = lambda received: answer(status=400, body=b'{"error": {"message": "no"}}')
    assert ask(gateway, "watched").status == 400
    upstream.script = by_model(base=lambda: answer(status=500, body=b"{}"))
    assert ask(gateway, "watched").headers["x-headgate-served-variant"] == "tuned"
    upstream.script = by_model()
    assert gateway.post("/v1/embeddings", {"model": "watched", "input": "hi"}).status == 200
    for path in ("/compact", "/input_tokens"):
        assert gateway.post(RESPONSES + path, {"model": "watched", "input": "hi"}).status == 200
    upstream.received.clear()
    ended = counted(gateway, "watched", "ok")
    assert ask(gateway, "watched").status == 200
    ended()
    assert models(upstream) == ["base", "tuned"]


def test_one_that_goes_away_has_no_copy(gateway, upstream):
    held, cancelled = threading.Event(), gateway.metric("headgate_requests_total", status="cancelled")
    upstream.script = by_model(base=lambda: [Wait(held), *answer()])
    with gateway.open(CHAT, {"model": "watched", "messages": MESSAGES}, wait=False):
        gateway.wait_until(lambda: bool(upstream.received))
    gateway.wait_for_metric(cancelled + 1, "headgate_requests_total", status="cancelled")
    upstream.script = by_model()
    ended = counted(gateway, "watched", "ok")
    assert ask(gateway, "watched").status == 200
    ended()
    assert models(upstream) == ["base", "base", "tuned"]


def test_a_copy_of_a_response_is_stored_nowhere_and_follows_nothing(gateway, upstream):
    def made(received):
        body = b'{"id": "resp_1", "object": "response", "status": "completed", "output": [], "error": null}'
        return answer(body=body)

    upstream.script = made
    ended = counted(gateway, "watched", "ok", 2)
    assert gateway.post(RESPONSES, {"model": "watched", "input": "hi"}).status == 200
    for kept in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}):
        assert gateway.post(RESPONSES, {"model": "watched", "input": "more", **kept}).status == 200
    assert gateway.post(RESPONSES, {"model": "watched", "input": "last"}).status == 200
    ended()
    copies = [received.json for received in upstream.received if received.json["model"] == "tuned"]
    assert sorted(copy["input"] for copy in copies) == ["hi", "last"]
    assert all(copy["store"] is False for copy in copies)


def test_a_rollout_learns_nothing_from_copies(gateway, upstream):
    """Copies of what the baseline answered fail, and the candidate's evidence knows nothing of it."""
    failing = threading.Event()
    upstream.script = by_model(
        candidate=lambda: answer(status=500, body=b"{}") if failing.is_set() else answer()
    )

    def assigned(user):
        return ask(gateway, "staged", user=f"user-{user}").headers["x-headgate-variant"]

    steady = [user for user in range(20) if assigned(user) == "base"]
    assert 0 < len(steady) < 20
    gateway.wait_for_metric(len(steady), COPIES, route="staged", variant="tuned", status="ok")
    failing.set()
    assert all(assigned(user) == "base" for user in steady)
    gateway.wait_for_metric(len(steady), COPIES, route="staged", variant="tuned", status="upstream_error")
    failing.clear()
    assigned(20)  # evidence of copies would be there before this

    def errors():
        rollout = gateway.admin("GET", "/admin/v1/rollouts/staged/all").json
        (found,) = [one for one in rollout["guardrails"] if one["metric"] == "errors"]
        return found["baseline"], found["candidate"]

    gateway.wait_until(lambda: sum(side["n"] for side in errors()) >= 21)
    assert [side["rate"] for side in errors()] == [0.0, 0.0]
    assert sum(side["n"] for side in errors()) == 21


def test_it_is_explained(gateway):
    question = {"request": {"model": "watched", "messages": MESSAGES}}
    explained = gateway.admin("POST", "/admin/v1/explain", question).json
    assert explained["shadow"] == {"variant": "tuned", "percent": 100.0}
    question["request"]["model"] = "unseen"
    assert gateway.admin("POST", "/admin/v1/explain", question).json["shadow"] is None


def test_nobody_waits_for_copies_who_leaves(tmp_path, upstream):
    """With a drain of half an hour, what is waited for would be waited for too long."""
    bounded = ROUTES[ROUTES.index("  bounded:") : ROUTES.index("  dead:")]
    config = configure(tmp_path / "headgate.yaml", upstream, "routes:\n" + bounded, "30m")
    upstream.script = by_model(slow=lambda: [Wait(threading.Event())])
    with running_gateway(config, keys=KEYS) as gateway:
        (old,) = gateway.children(WORKER)
        assert ask(gateway, "bounded").status == 200
        gateway.wait_until(lambda: models(upstream) == ["base", "slow"])
        os.kill(gateway.process.pid, signal.SIGUSR1)
        gateway.wait_until(lambda: old not in gateway.children(WORKER))
        gateway.wait_for_metric(1, COPIES, route="bounded", status="cancelled")
        assert upstream.received[1].closed.wait(20)
        assert ask(gateway, "bounded").status == 200
        gateway.wait_until(lambda: models(upstream) == ["base", "slow"] * 2)
        assert gateway.stop() == 0
        assert upstream.received[3].closed.wait(20)
