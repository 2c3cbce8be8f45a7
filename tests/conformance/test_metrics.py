"""Prometheus's own linter has nothing to say of our metrics."""

from __future__ import annotations

import subprocess

from tests.support.gateway import Gateway


def test_promtool_accepts_the_metrics(gateway: Gateway, promtool: str) -> None:
    question = {"model": "openai", "messages": [{"role": "user", "content": "hello"}]}
    assert gateway.post("/v1/chat/completions", question, key="judge").status == 200
    gateway.wait_until(lambda: gateway.metric("headgate_requests_total", route="openai", status="ok") > 0)
    page = gateway.request("GET", "/metrics", port=gateway.admin_port).body
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
