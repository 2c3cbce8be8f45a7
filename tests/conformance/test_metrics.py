"""Prometheus's own linter has nothing to say of our metrics, and its storage takes our exemplars."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from tests.conformance.promql import Prometheus, scraping
from tests.support.gateway import Gateway, running_gateway
from tests.support.processes import CHAT, body, write

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_promtool_accepts_the_metrics(gateway: Gateway, promtool: str) -> None:
    question = {"model": "openai", "messages": [{"role": "user", "content": "hello"}]}
    assert gateway.post("/v1/chat/completions", question, key="judge").status == 200
    gateway.wait_until(lambda: gateway.metric("headgate_requests_total", route="openai", status="ok") > 0)
    page = gateway.request("GET", "/metrics", port=gateway.admin_port).body
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def exemplars(running: Prometheus, query: str) -> list[dict[str, Any]]:
    """The labels of those that Prometheus has stored."""
    window = {"start": f"{time.time() - 300}", "end": f"{time.time() + 60}"}
    found = running.ask("query_exemplars", query=query, **window)
    return [one["labels"] | {"value": one["value"]} for series in found for one in series["exemplars"]]


def test_exemplars_arrive(prometheus: str, tmp_path: Path) -> None:
    with (
        running_gateway(write(tmp_path)) as gateway,
        scraping(prometheus, tmp_path, gateway.admin_port) as running,
    ):

        def wait_for(query: str, **expected: str) -> None:
            gateway.wait_until(
                lambda: any(expected.items() <= one.items() for one in exemplars(running, query))
            )

        running.wait_for("up == 1")
        parent = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        assert gateway.post(CHAT, body(stream=True), headers=parent).status == 200
        # Before the next request, which may fall into the same bucket and be its newest.
        wait_for("headgate_request_duration_seconds_bucket", trace_id=TRACE)
        wait_for("headgate_time_to_first_token_seconds_bucket", trace_id=TRACE)
        failing = gateway.post(CHAT, body(), headers={"x-simulated-status": "400"})
        assert failing.status == 400
        short = gateway.admin("GET", f"/admin/v1/requests/{failing.headers['x-request-id']}").json["request"]
        wait_for('headgate_requests_total{status="client_error"}', request_id=short, value="1")
