"""Three replicas on one Valkey move rollouts under load, while the store is killed and comes back."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from random import Random
from time import monotonic
from typing import Any

from tests.chaos.lab import Lab, chat
from tests.chaos.row import Figure, Figures, Row, none
from tests.support.gateway import Gateway
from tests.support.processes import CHAT
from tests.support.valkey import Server

REPLICAS, CALLERS = 3, 2
"""Callers a replica."""
ROUTE = """
  @NAME@:
    variants: {new: {upstream: sim, model: new}, old: {upstream: sim, model: old}}
    sticky: []
    rollout:
      baseline: old
      candidate: new
      stages:
        - {weight: 10, min_samples: 30, min_duration: 2s}
        - {weight: 50, min_samples: 30, min_duration: 2s}
        - 100
      bake: 2s
      guardrails:
        validation_passed: {margin: 10pt}
        errors: {harm: 5pt, margin: 15pt}
        latency_p95: {harm: 25pt, margin: 40pt}
"""
SERVED = """
server:
  lame_duck: 0s
  signing_keys: ["a-signing-key-of-thirty-two-characters"]
store: {url: "@STORE@"}
upstreams:
  sim: {provider: simulated, latency: 2ms, tokens_per_second: 0}
routes:
"""
PASSES = {"up": {"new": 0.95, "old": 0.75}, "down": {"new": 0.5, "old": 0.9}}
"""How often an answer passes, by route and variant."""
LIMIT = 150.0
"""Seconds in which both rollouts must have come to their end."""


class Caller(threading.Thread):
    """Asks one replica and reports what came of it, fifty at a time, until told to stop."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        super().__init__()
        self._gateway = gateway
        self._draw = Random(seed)
        self._over = threading.Event()
        self.failures: list[str] = []
        self.done = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=20)
        outcomes: list[dict[str, Any]] = []
        while not self._over.is_set():
            route = self._draw.choice(list(PASSES))
            status, headers, _ = _post(connection, CHAT, chat(route))
            self.done += 1
            if status != 200:
                self.failures.append(f"{route}: {status}")
                continue
            passed = self._draw.random() < PASSES[route][headers["x-headgate-variant"]]
            outcomes.append({"request_id": headers["x-request-id"], "validation_passed": passed})
            if len(outcomes) >= 50:
                status, _, _ = _post(connection, "/v1/outcomes", {"outcomes": outcomes})
                if status == 200:
                    outcomes.clear()
        connection.close()

    def stop(self) -> None:
        """Ends it."""
        self._over.set()
        self.join()


def _post(connection: http.client.HTTPConnection, path: str, body: object) -> tuple[int, Any, bytes]:
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def climbed(lab: Lab) -> Figures:
    """A better candidate to 100 % and a worse one to 0 %, with the store killed twice in between."""
    store = Server(lab.place(), "--appendonly", "yes", "--appendfsync", "always").start()
    text = SERVED.replace("@STORE@", store.url) + "".join(ROUTE.replace("@NAME@", name) for name in PASSES)
    began = monotonic()
    with contextlib.ExitStack() as stack:
        stack.callback(store.kill)
        replicas = [stack.enter_context(lab.gateway(text)) for _ in range(REPLICAS)]
        callers = [Caller(one, seed) for seed, one in enumerate(replicas * CALLERS)]
        for caller in callers:
            caller.start()
        try:
            for phases in (("running",), ("running", "baking")):
                _wait(replicas[0], "up", phases, began)
                store.kill()
                wanted = sum(caller.done for caller in callers) + lab.size(300, 60)
                replicas[0].wait_until(lambda: sum(caller.done for caller in callers) >= wanted)  # noqa: B023
                store.start()
                _wait_for_stage(replicas[0], began)
            _wait(replicas[0], "up", ("promoted",), began)
            _wait(replicas[0], "down", ("rolled_back",), began)
        finally:
            for caller in callers:
                caller.stop()
        seen = [[_weight(one, name) for name in PASSES] for one in replicas if _agree(one, replicas[0])]
        histories = {name: _causes(replicas[0], name) for name in PASSES}
    return [
        none("failures", [failure for caller in callers for failure in caller.failures]),
        Figure("of requests", sum(caller.done for caller in callers)),
        none("replicas with other weights", [one for one in seen if one != [100.0, 0.0]]),
        Figure("replicas", len(seen), at_least=REPLICAS),
        none("transitions but once each", _unlike(histories)),
        Figure("seconds to both ends", monotonic() - began, "s", at_most=LIMIT, timed=True),
    ]


def _unlike(histories: dict[str, list[str]]) -> list[str]:
    expected = {"up": ["started", "passed", "passed", "baked"], "down": ["started", "harm"]}
    return [f"{name}: {causes}" for name, causes in histories.items() if causes != expected[name]]


def _reading(gateway: Gateway, name: str) -> Any:
    return gateway.admin("GET", f"/admin/v1/rollouts/{name}/all").json


def _weight(gateway: Gateway, name: str) -> float:
    return float(_reading(gateway, name)["weight"])


def _agree(gateway: Gateway, other: Gateway) -> bool:
    gateway.wait_until(lambda: all(_weight(gateway, name) == _weight(other, name) for name in PASSES))
    return True


def _wait(gateway: Gateway, name: str, phases: tuple[str, ...], began: float) -> None:
    pause = threading.Event()
    while (found := _reading(gateway, name))["phase"] not in phases:
        assert monotonic() < began + LIMIT, f"{name}: {found['phase']}: {found['verdict']['reasons']}"
        pause.wait(0.1)


def _wait_for_stage(gateway: Gateway, began: float) -> None:
    """Until the better candidate has come further than its first stage."""
    pause = threading.Event()
    while _weight(gateway, "up") <= 10:
        assert monotonic() < began + LIMIT, _reading(gateway, "up")["verdict"]["reasons"]
        pause.wait(0.1)


def _causes(gateway: Gateway, name: str) -> list[str]:
    history = gateway.admin("GET", f"/admin/v1/rollouts/{name}/all/history").json
    return [entry["cause"] for entry in history if entry["cause"] != "verdict"]


ROWS = (
    Row(
        "replicas",
        "three replicas on one Valkey, two rollouts under load, the store killed twice meanwhile",
        "no request fails; the better candidate arrives at 100 %, the worse at 0 %; each transition once",
        climbed,
    ),
)
