"""What is killed while outcomes flow: no request fails, and what was acknowledged is counted once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading

import pytest

from gateway.store.registry import make
from tests.integration.conftest import KEYS
from tests.support.gateway import hash_of, running_gateway
from tests.support.place import answered
from tests.support.valkey import Server

SIGNING = "a-signing-key-of-thirty-two-characters"
CONFIG = """
server:
  keys: [{{name: app, application: tests, hash: "{app}"}}]
  signing_keys: ["{signing}"]
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
store: {{url: "{store}"}}
routes:
  solver:
    variants: {{tuned: {{upstream: main, model: t}}, base: {{upstream: main, model: b}}}}
    rollout: {{baseline: base, candidate: tuned, stages: [50, 100]}}
"""
BODY = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}


class Application:
    """Asks and reports from four threads until it is stopped. A report that is refused is made again."""

    def __init__(self, gateway):
        self._gateway = gateway
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        self.faults = []
        self.acknowledged = []
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._over.is_set():
            try:
                answer = self._gateway.post("/v1/chat/completions", BODY)
                if answer.status != 200:
                    self.faults.append(f"request: {answer.status}")
                    continue
                self._report(answer.headers["x-request-id"])
            except (OSError, AssertionError) as error:
                self.faults.append(repr(error))

    def _report(self, request_id):
        outcome = {"request_id": request_id, "validation_passed": True}
        while True:
            answer = self._gateway.post("/v1/outcomes", outcome)
            if answer.status == 200:
                self.acknowledged.append(request_id)
                return
            if answer.status != 503:
                self.faults.append(f"outcome: {answer.status}")
                return

    def wait_for(self, more):
        """Returns once so many more outcomes have been acknowledged, none long after the one before."""
        before = len(self.acknowledged)
        for wanted in range(before + 1, before + more + 1):
            self._gateway.wait_until(lambda wanted=wanted: len(self.acknowledged) >= wanted)

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()


def start(tmp_path, upstream, store):
    path = tmp_path / "headgate.yaml"
    text = CONFIG.format(url=upstream.url, store=store, app=hash_of(KEYS["app"]), signing=SIGNING)
    path.write_text(text)
    return running_gateway(path, keys=KEYS)


def counted(url, state):
    """How many units passed, and failed, as the store has it; errors seen, as exposures tell."""
    key = hashlib.blake2b(SIGNING.encode(), digest_size=32, person=b"headgate-signing").digest()

    async def read():
        store = make(url, state, (key,))
        try:
            # Under the bounds of a running gateway: a busy machine may need more than one call.
            return (await answered(lambda: store.evidence("solver/all", 1))).cells
        finally:
            await store.close()

    units = {"passed": 0, "failed": 0, "exposed": 0}
    for cell, count in asyncio.run(read()).items():
        if cell.metric == "validation_passed":
            units["failed" if cell.bad else "passed"] += count
        elif cell.metric == "errors":
            units["exposed"] += count
    return units


def test_the_control_plane_is_killed_while_outcomes_flow(tmp_path, upstream):
    with start(tmp_path, upstream, "sqlite") as gateway:
        application = Application(gateway)
        try:
            for _ in range(3):
                application.wait_for(100)
                (plane,) = gateway.children("gateway.control.main")
                os.kill(plane, signal.SIGKILL)
            application.wait_for(100)
        finally:
            application.stop()
    assert application.faults == []
    units = counted("sqlite", tmp_path / "state")
    assert units["passed"] == len(set(application.acknowledged))
    assert units["failed"] == 0


@pytest.fixture
def valkey(tmp_path):
    server = Server(tmp_path, "--appendonly", "yes", "--appendfsync", "always").start()
    yield server
    server.kill()


def test_the_store_is_killed_and_stalled_while_outcomes_flow(tmp_path, upstream, valkey):
    with start(tmp_path, upstream, valkey.url) as gateway:
        application = Application(gateway)
        try:
            application.wait_for(100)
            valkey.kill()
            application.wait_for(100)
            valkey.start()
            application.wait_for(100)
            valkey.stall()
            application.wait_for(100)
            valkey.go_on()
            application.wait_for(100)
        finally:
            application.stop()
        acknowledged = len(set(application.acknowledged))
        gateway.wait_until(
            lambda: min(map(counted(valkey.url, tmp_path).get, ("passed", "exposed"))) >= acknowledged
        )
    assert application.faults == []
    units = counted(valkey.url, tmp_path)
    assert units["passed"] == units["exposed"] == acknowledged
    assert units["failed"] == 0
