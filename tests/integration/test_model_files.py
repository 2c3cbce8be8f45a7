"""Models of difficulty as files: missing, damaged and swapped, none of which fails a request."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.support import models
from tests.support.gateway import running_gateway

CONFIG = """
server: {{lame_duck: 0s}}
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  solver:
    variants: {{strong: {{upstream: main, model: strong}}, cheap: {{upstream: main, model: cheap}}}}
    difficulty: {{estimate: model.json, default: 1000}}
    segments:
      - {{name: hard, when: {{difficulty: {{gte: 2500}}}}, variant: strong}}
      - {{name: ordinary, variant: cheap}}
"""
HARD = "segment tree"
ROUTE = {"route": "solver"}


@pytest.fixture
def folder(upstream, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG.format(url=upstream.url))
    return tmp_path


def segment(gateway):
    body = {"model": "solver", "messages": [{"role": "user", "content": HARD}]}
    answer = gateway.post("/v1/chat/completions", body)
    assert answer.status == 200
    return answer.headers["x-headgate-segment"]


def put(folder, content):
    """Swaps the model file in one step, as a careful deployment does."""
    (folder / "new").write_bytes(content)
    (folder / "new").replace(folder / "model.json")


def hard(weight=2000.0):
    return models.model({"segment": weight})


def failures(gateway):
    return gateway.metric("headgate_config_reload_failures_total")


def check(folder):
    return CliRunner().invoke(main, ["check", str(folder / "headgate.yaml"), "--json"])


def test_a_model_that_is_not_there_yet(folder):
    checked = check(folder)
    assert checked.exit_code == 0
    assert "routes.solver.difficulty.estimate: the model" in checked.stderr
    warnings = json.loads(checked.stdout)["warnings"]
    assert any("cannot be read: No such file" in one["message"] for one in warnings)
    with running_gateway(folder / "headgate.yaml") as gateway:
        assert gateway.logged("cannot be read: No such file or directory")
        assert segment(gateway) == "ordinary"
        assert gateway.metric("headgate_difficulty_model_stale", **ROUTE) == 1
        unestimated = {**ROUTE, "reason": "no_model"}
        gateway.wait_for_metric(1, "headgate_difficulty_unestimated_total", **unestimated)
        assert gateway.metric("headgate_gain_threshold", **ROUTE) == 0
        put(folder, hard())
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_until(lambda: segment(gateway) == "hard")
        assert gateway.metric("headgate_difficulty_model_stale", **ROUTE) == 0
    assert "estimate" not in check(folder).stderr


def test_a_model_that_is_damaged_or_gone_or_another_in_mid_flight(folder):
    put(folder, hard())
    failed = []
    over = threading.Event()
    with running_gateway(folder / "headgate.yaml") as gateway:

        def load():
            while not over.wait(0.01):
                try:
                    segment(gateway)
                except Exception as error:
                    failed.append(error)

        client = threading.Thread(target=load)
        client.start()
        refused = failures(gateway)
        for content in (hard()[:-200], hard().replace(b"2000", b"9999"), None):
            if content is None:
                (folder / "model.json").unlink()
            else:
                put(folder, content)
            gateway.process.send_signal(signal.SIGHUP)
            seen = refused
            gateway.wait_until(lambda seen=seen: failures(gateway) > seen)
            refused = failures(gateway)
            assert gateway.metric("headgate_difficulty_model_stale", **ROUTE) == 1
            assert segment(gateway) == "hard"
        assert gateway.logged("the last good one serves on")
        (control,) = gateway.children("gateway.control.main")
        os.kill(control, signal.SIGKILL)
        gateway.wait_until(lambda: gateway.children("gateway.control.main") not in ([control], []))
        gateway.wait_until(lambda: gateway.metric("headgate_difficulty_model_stale", **ROUTE) == 1)
        assert segment(gateway) == "hard"
        put(folder, hard(10.0))
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_until(lambda: segment(gateway) == "ordinary")
        over.set()
        client.join()
    assert not failed
