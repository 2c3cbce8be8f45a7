"""Rollouts on a running gateway: how they begin, what people do with them, what moves them."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.support.gateway import hash_of, running_gateway
from tests.support.scripted import answer

KEYS = {"app": "hg_app", "admin": "hg_admin", "reader": "hg_reader"}
SIGNING = "a-signing-key-of-thirty-two-characters"
CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}"}}
    - {{name: alice, application: operators, hash: "{admin}", scopes: [admin]}}
    - {{name: grafana, application: operators, hash: "{reader}", scopes: ["admin:read"]}}
  signing_keys: ["{signing}"]
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
store: {{url: "{store}"}}
routes:
  solver:
    variants:
      tuned: {{upstream: main, model: {candidate}}}
      base: {{upstream: main, model: base-model}}
    rollout: {{baseline: base, candidate: tuned, stages: [10, 50, 100], {more}}}
    fallbacks: [base]
"""
PLACE = "/admin/v1/rollouts/solver/all"


def configure(path, upstream, *, store="sqlite", candidate="tuned-model", more="mode: auto"):
    path.mkdir(exist_ok=True)
    config = path / "headgate.yaml"
    hashes = {"app": hash_of(KEYS["app"]), "admin": hash_of(KEYS["admin"]), "reader": hash_of(KEYS["reader"])}
    config.write_text(
        CONFIG.format(
            url=upstream.url, store=store, candidate=candidate, more=more, signing=SIGNING, **hashes
        )
    )
    return config


@pytest.fixture
def config(tmp_path, upstream):
    return configure(tmp_path, upstream)


def ask(gateway, user):
    body = {"model": "solver", "messages": [{"role": "user", "content": "hi"}], "user": user}
    return gateway.post("/v1/chat/completions", body)


def variant(gateway, user):
    return ask(gateway, f"user-{user}").headers["x-headgate-variant"]


def served(gateway, users=60):
    """How many of these users get which variant."""
    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(lambda user: variant(gateway, user), range(users)))


def ask_to(gateway, action, **order):
    headers = {"if-match": str(order.pop("revision"))} if "revision" in order else {}
    return gateway.admin("POST", f"{PLACE}/{action}", order, headers=headers)


def insist_to(gateway, action, **order):
    """The same, asked again while a busy machine's store is too slow to be asked."""
    return gateway.insist(lambda: ask_to(gateway, action, **order))


def act(gateway, action, **order):
    """Has the rollout moved and returns how it stands."""
    answers = gateway.until_heard(lambda: ask_to(gateway, action, **order), lambda one: one.status != 503)
    answer = answers[-1]
    if answer.status == 200:
        return answer.json
    # A store that was too slow to say so may have done it before it was asked again.
    assert len(answers) > 1 and answer.status in (409, 412), answer.error
    return reading(gateway)


def reading(gateway):
    return gateway.admin("GET", PLACE).json


def history(gateway):
    return gateway.insist(lambda: gateway.admin("GET", f"{PLACE}/history")).json


def test_a_first_start_opens_the_first_epoch(config):
    with running_gateway(config, keys=KEYS) as gateway:
        found = reading(gateway)
        expected = {
            "route": "solver", "segment": "all", "baseline": "base", "candidate": "tuned",
            "phase": "running", "phase_reason": None, "stage": 1, "stages": [10, 50, 100], "weight": 10.0,
            "epoch": 1, "period": 1, "mode": "auto", "recommendation": None, "settle": None,
        }  # fmt: skip
        assert {name: found[name] for name in expected} == expected
        assert found["verdict"]["action"] == "hold"
        assert {one["metric"] for one in found["guardrails"]} == {
            "validation_passed", "errors", "latency_p95",
        }  # fmt: skip
        (listed,) = gateway.admin("GET", "/admin/v1/rollouts").json
        assert listed.keys() == found.keys()
        (first,) = history(gateway)
        assert (first["cause"], first["to"], first["actor"], first["weight"]) == (
            "started", "running", "headgate", 10.0,
        )  # fmt: skip
        assert gateway.metric("headgate_rollout_phase", phase="running") == 1
        assert gateway.metric("headgate_rollout_stage", route="solver", segment="all") == 1
        gateway.wait_for_metric(1, "headgate_leader")
        gateway.wait_for_metric(1 / 0.02, "headgate_rollout_evidence_threshold", metric="validation_passed")


def test_what_people_do_reaches_the_workers_at_once(config):
    with running_gateway(config, keys=KEYS) as gateway:
        moved = act(gateway, "set-weight", weight=100, reason="all in")
        assert (moved["phase"], moved["phase_reason"], moved["weight"]) == ("paused", "manual", 100.0)
        gateway.wait_until(lambda: served(gateway, 8) == {"tuned": 8})
        rolled = act(gateway, "abort", revision=moved["revision"], reason="no")
        assert (rolled["phase"], rolled["weight"]) == ("rolled_back", 0.0)
        gateway.wait_until(lambda: served(gateway, 8) == {"base": 8})
        last = history(gateway)[-1]
        assert (last["actor"], last["from"], last["to"]) == ("alice", "paused", "rolled_back")
        assert gateway.metric("headgate_rollout_transitions_total", cause="abort") == 1


def test_what_is_answered_is_of_the_rollout_as_it_stands_then(config):
    with running_gateway(config, keys=KEYS) as gateway:
        gateway.wait_for_metric(1, "headgate_leader")
        for action, order, said in [
            ("pause", {}, "paused (manual)"), ("resume", {}, "left of the stage's"),
            ("set-weight", {"weight": 40}, "paused (manual)"), ("resume", {}, "left of the stage's"),
        ]:  # fmt: skip
            told = act(gateway, action, **order)
            assert said in " ".join(told["verdict"]["reasons"])
            assert all(one["candidate"]["n"] == 0 for one in told["guardrails"])
            gateway.wait_for_metric(20, "headgate_rollout_evidence_threshold", metric="errors", test="safe")
            now = reading(gateway)
            assert now["phase"] == told["phase"] and said in " ".join(now["verdict"]["reasons"])


def test_users_below_the_old_weight_stay(config):
    with running_gateway(config, keys=KEYS) as gateway:

        def chosen():
            return {
                user
                for user in range(80)
                if ask(gateway, f"user-{user}").headers["x-headgate-variant"] == "tuned"
            }

        at_ten = chosen()
        act(gateway, "set-weight", weight=30)
        gateway.wait_until(lambda: chosen() > at_ten)
        before = chosen()
        act(gateway, "set-weight", weight=60)
        gateway.wait_until(lambda: chosen() > before)


def test_what_cannot_be_done_is_refused(config):
    with running_gateway(config, keys=KEYS) as gateway:
        revision = reading(gateway)["revision"]
        refusals = [
            (ask_to(gateway, "undo"), 409, "illegal_transition"),
            (ask_to(gateway, "pause", revision=revision + 1), 412, "precondition_failed"),
            (ask_to(gateway, "set-weight"), 400, None),
            (ask_to(gateway, "set-weight", weight=101), 400, None),
            (ask_to(gateway, "set-weight", weight=1.005), 400, None),
            (ask_to(gateway, "pause", weight=3), 400, None),
            (ask_to(gateway, "dance"), 400, None),
            (ask_to(gateway, "pause", full=True), 400, None),
            (ask_to(gateway, "resume", full=True), 400, None),
            (gateway.admin("POST", f"{PLACE}/pause", {"why": 1}), 400, None),
            (gateway.admin("POST", f"{PLACE}/pause", {}, headers={"if-match": "new"}), 400, None),
            (gateway.admin("POST", f"{PLACE}/pause", {}, key="reader"), 403, "insufficient_scope"),
            (gateway.admin("GET", "/admin/v1/rollouts/solver/none"), 404, "rollout_not_found"),
            (gateway.admin("GET", "/admin/v1/rollouts/solver/none/history"), 404, "rollout_not_found"),
            (gateway.admin("POST", "/admin/v1/rollouts/none/all/pause", {}), 404, "rollout_not_found"),
        ]
        for refused, status, code in refusals:
            assert (refused.status, refused.error["code"]) == (status, code), refused.error
        assert ask_to(gateway, "pause", full=True).error["param"] == "full"
        assert reading(gateway)["revision"] == revision
        assert gateway.admin("GET", PLACE, key="reader").status == 200
        assert gateway.admin("GET", PLACE, key="app").status == 403


def test_it_stands_where_it_stood_after_any_death(config):
    with running_gateway(config, keys=KEYS) as gateway:
        act(gateway, "set-weight", weight=40)
        before = reading(gateway)
        (plane,) = gateway.children("gateway.control.main")
        os.kill(plane, signal.SIGKILL)
        gateway.wait_until(lambda: gateway.children("gateway.control.main") not in ([plane], []))
        gateway.wait_until(lambda: same(gateway, before))
    with running_gateway(config, keys=KEYS) as gateway:
        assert same(gateway, before)
        assert 45 < served(gateway, 200)["tuned"] < 120  # of 80; the first stage would have 20


def same(gateway, before):
    try:
        now = reading(gateway)
    except (OSError, ValueError):
        return False
    return all(now[name] == before[name] for name in ("revision", "weight", "epoch", "period", "phase"))


def test_a_candidate_that_only_fails_is_rolled_back(tmp_path, upstream):
    config = configure(tmp_path, upstream)
    upstream.script = lambda received: (
        answer(status=500, body=b"{}") if received.json["model"] == "tuned-model" else answer()
    )
    with running_gateway(config, keys=KEYS) as gateway:
        act(gateway, "set-weight", weight=50)
        over, done = threading.Event(), []

        def go_on(start):
            number = start
            while not over.is_set():
                done.append(ask(gateway, f"user-{number}").status)
                number += 2

        threads = [threading.Thread(target=go_on, args=(start,)) for start in range(2)]
        for thread in threads:
            thread.start()
        try:
            gateway.wait_until(lambda: reading(gateway)["phase"] == "rolled_back")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert set(done) == {200}
        failed = [received for received in upstream.received if received.json["model"] == "tuned-model"]
        assert len(failed) <= 10
        last = history(gateway)[-1]
        assert last["to"] == "rolled_back" and last["cause"] in ("breaker", "harm")
        assert reading(gateway)["weight"] == 0


class Hook(BaseHTTPRequestHandler):
    """What a webhook receives."""

    received: list = []

    def do_POST(self):
        self.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_transitions_are_told_to_webhooks_and_listeners(tmp_path, upstream):
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = configure(
        tmp_path, upstream, more=f'notify: ["http://127.0.0.1:{server.server_port}/T0/secret"]'
    )
    try:
        with running_gateway(config, keys=KEYS) as gateway:
            connection = _listen(gateway)
            act(gateway, "pause", reason="lunch")
            event = _event(connection, "transition")
            assert (event["route"], event["from"], event["to"], event["actor"]) == (
                "solver", "running", "paused", "alice",
            )  # fmt: skip
            connection.close()
            gateway.wait_until(lambda: any("paused" in told["text"] for told in Hook.received))
            told = next(told for told in Hook.received if "paused" in told["text"])
            assert "solver/all" in told["text"] and "lunch" in told["text"]
            assert told["headgate"]["cause"] == "pause"
            assert not any("secret" in str(entry) for entry in gateway.log)
    finally:
        server.shutdown()
        server.server_close()


def test_a_notification_that_fails_names_rollout_and_host_and_no_secret(tmp_path, upstream):
    upstream.script = lambda received: answer(status=404, body=b"canary")
    url = upstream.url.replace("http://", "http://canary:canary@") + "/canary?token=canary"
    with running_gateway(configure(tmp_path, upstream, more=f'notify: ["{url}"]'), keys=KEYS) as gateway:
        act(gateway, "pause")
        told = "a notification of solver/all could not be delivered to 127.0.0.1: status 404"
        gateway.wait_until(lambda: gateway.logged(told))
        assert not any("canary" in str(entry) for entry in gateway.log)


def _listen(gateway):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=20)
    connection.request("GET", "/admin/v1/events", headers=gateway.headers("admin"))
    connection.response = connection.getresponse()
    assert connection.response.readline() == b": \n"
    return connection


def _event(connection, kind):
    while True:
        line = connection.response.readline().decode()
        if line == f"event: {kind}\n":
            return json.loads(connection.response.readline().decode().removeprefix("data: "))


def test_another_candidate_is_another_epoch(tmp_path, upstream):
    config = configure(tmp_path, upstream)
    with running_gateway(config, keys=KEYS) as gateway:
        act(gateway, "set-weight", weight=50)
        configure(tmp_path, upstream, candidate="tuned-model-2")
        gateway.wait_until(lambda: reading(gateway)["epoch"] == 2)
        found = reading(gateway)
        assert (found["phase"], found["weight"], found["period"]) == ("running", 10.0, 1)
        first, *between, last = (one["cause"] for one in history(gateway))
        assert (first, set(between), last) == ("started", {"set_weight"}, "definition")


# Several replicas
