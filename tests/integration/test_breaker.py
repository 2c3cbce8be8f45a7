"""Breakers: a variant that fails is not called for a while, and nobody notices but the operator."""

from __future__ import annotations

import pytest

from tests.support.gateway import hash_of, running_gateway
from tests.support.scripted import RESET, answer, event, stream

CHAT = "/v1/chat/completions"
KEYS = {"app": "hg_app", "admin": "hg_admin"}
CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}", scopes: [chat]}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  pair:
    variants: {{first: {{upstream: main, model: pair-first}}, second: {{upstream: main, model: pair-second}}}}
    variant: first
    fallbacks: [second]
    {rule}
  alone:
    variants: {{only: {{upstream: main, model: alone-only}}}}
    variant: only
    {rule}
  trial:
    variants: {{old: {{upstream: main, model: trial-old}}, new: {{upstream: main, model: trial-new}}}}
    rollout: {{baseline: old, candidate: new, stages: [50, 100]}}
    {rule}
"""


@pytest.fixture
def gateway(shared_upstream, tmp_path):
    yield from serve(shared_upstream, tmp_path, "breaker: {pause: 60s}")


@pytest.fixture
def forgiving(shared_upstream, tmp_path):
    yield from serve(shared_upstream, tmp_path, "breaker: {pause: 50ms}")


@pytest.fixture
def hasty(shared_upstream, tmp_path):
    yield from serve(shared_upstream, tmp_path, "breaker: {pause: 50ms}\n    timeouts: {total: 900ms}")


def serve(upstream, place, rule):
    config = place / "headgate.yaml"
    hashes = {name: hash_of(key) for name, key in KEYS.items()}
    config.write_text(CONFIG.format(url=upstream.url, rule=rule, **hashes))
    with running_gateway(
        config, options=["--workers", "1", "--state", str(place / "state")], keys=KEYS
    ) as one:
        yield one


def ask(gateway, model: str, **fields):
    return gateway.post(CHAT, {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields})


def calls(upstream, model: str) -> int:
    return sum(received.json["model"] == model for received in upstream.received)


def failing(*models: str, ending: object = None):
    """A script in which these models fail."""

    def script(received):
        if received.json["model"] not in models:
            return answer("fine")
        return answer(status=503, body=b"{}") if ending is None else [ending]

    return script


@pytest.mark.parametrize("ending", [None, RESET])
def test_the_next_variant_serves_without_a_call(gateway, upstream, ending):
    upstream.script = failing("pair-first", ending=ending)
    while calls(upstream, "pair-first") < 3:
        ask(gateway, "pair")
    told = ask(gateway, "pair")
    assert told.status == 200 and calls(upstream, "pair-first") == 3
    assert told.headers["x-headgate-breaker"] == "first"
    assert told.headers["x-headgate-variant"] == "first" and told.headers["x-headgate-attempts"] == "1"
    assert told.headers["x-headgate-served-variant"] == "second"
    labels = {"upstream": "main", "variant": "first"}
    gateway.wait_until(lambda: gateway.metric("headgate_breaker_open", **labels) == 1)
    assert gateway.metric("headgate_breaker_open", upstream="main", variant="second") == 0


def test_a_variant_that_recovers_serves_again(forgiving, upstream):
    upstream.script = failing("pair-first")
    for _ in range(3):
        ask(forgiving, "pair")
    upstream.script = lambda received: answer("fine")
    forgiving.wait_until(lambda: "x-headgate-breaker" not in ask(forgiving, "pair").headers)
    assert ask(forgiving, "pair").headers["x-headgate-served-variant"] == "first"
    forgiving.wait_until(lambda: forgiving.metric("headgate_breaker_open") == 0)


def test_a_probe_succeeds_when_its_stream_begins(forgiving, upstream):
    upstream.script = failing("pair-first")
    for _ in range(3):
        ask(forgiving, "pair")
    upstream.script = lambda received: stream(event("fine"))
    forgiving.wait_until(lambda: "x-headgate-breaker" not in ask(forgiving, "pair", stream=True).headers)


def test_a_probe_that_there_is_no_time_to_repeat_is_not_waited_for(hasty, upstream):
    upstream.script = failing("pair-first")
    hasty.wait_until(lambda: "x-headgate-breaker" in ask(hasty, "pair").headers)
    upstream.script = lambda received: answer(status=429, body=b"{}", headers={"retry-after": "1"})
    before = calls(upstream, "pair-first")
    hasty.wait_until(lambda: ask(hasty, "pair") and calls(upstream, "pair-first") > before)
    upstream.script = lambda received: answer("fine")
    hasty.wait_until(lambda: "x-headgate-breaker" not in ask(hasty, "pair").headers)


def test_a_single_variant_is_tried_whatever_happens(gateway, upstream):
    upstream.script = failing("alone-only")
    for _ in range(10):
        assert ask(gateway, "alone").status == 502
    before = calls(upstream, "alone-only")
    assert ask(gateway, "alone").status == 502
    assert calls(upstream, "alone-only") == before + 1  # no retry any more
    upstream.script = lambda received: answer("fine")
    assert ask(gateway, "alone").status == 200


def test_when_all_are_open_the_least_bad_is_tried(gateway, upstream):
    assert ask(gateway, "pair").status == 200
    upstream.script = failing("pair-first", "pair-second")
    while (
        "x-headgate-breaker" not in (told := ask(gateway, "pair")).headers
        or told.headers["x-headgate-breaker"] != "first, second"
    ):
        assert told.status == 502
    before = len(upstream.received)
    assert ask(gateway, "pair").headers["x-headgate-served-variant"] == "first"  # it has answered once
    assert len(upstream.received) == before + 1


def test_a_client_error_opens_nothing(gateway, upstream):
    upstream.script = lambda received: answer(status=400, body=b'{"error": {"message": "no"}}')
    for _ in range(5):
        assert ask(gateway, "pair").status == 400
    upstream.script = lambda received: answer("fine")
    assert "x-headgate-breaker" not in ask(gateway, "pair").headers


def test_both_variants_of_a_rollout_stand_outside_the_comparison(gateway, upstream):
    upstream.script = failing("trial-new")
    users = iter(range(10_000))
    while calls(upstream, "trial-new") < 3:
        ask(gateway, "trial", user=f"user-{next(users)}")
    seen = {}
    while len(seen) < 2:
        headers = ask(gateway, "trial", user=f"user-{next(users)}").headers
        seen[headers["x-headgate-variant"]] = headers["x-request-id"]
        assert headers["x-headgate-served-variant"] == "old"  # although the route has no fallbacks
    for request_id in seen.values():
        path = f"/admin/v1/requests/{request_id}"
        assert gateway.admin("GET", path).json["compared"] == "breaker"


def test_an_edit_elsewhere_keeps_the_breaker(gateway, upstream, tmp_path):
    upstream.script = failing("pair-first")
    for _ in range(3):
        ask(gateway, "pair")
    assert ask(gateway, "pair").headers["x-headgate-breaker"] == "first"
    config = tmp_path / "headgate.yaml"
    before = gateway.metric("headgate_snapshot_revision")
    config.write_text(config.read_text().replace("alone-only", "alone-other"))
    gateway.wait_until(lambda: gateway.metric("headgate_snapshot_revision") > before)
    assert ask(gateway, "pair").headers["x-headgate-breaker"] == "first"
    labels = {"upstream": "main", "variant": "first"}
    # A worker that could say nothing for a while has no gauge for as long.
    gateway.wait_until(lambda: gateway.metric("headgate_breaker_open", **labels) == 1)
    config.write_text(config.read_text().replace("pair-first", "pair-other"))
    gateway.wait_until(lambda: gateway.metric("headgate_breaker_open", **labels) == 0)


def test_switched_off(shared_upstream, tmp_path):
    upstream = shared_upstream
    upstream.script = failing("pair-first")
    for gateway in serve(upstream, tmp_path, 'breaker: "off"'):
        for _ in range(6):
            assert ask(gateway, "pair").headers["x-headgate-attempts"] in ("2", "3")
        assert ask(gateway, "trial", user="someone").status == 200
        assert gateway.metric("headgate_breaker_open") == 0
