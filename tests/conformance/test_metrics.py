"""Prometheus's own linter has nothing to say of our metrics."""

from __future__ import annotations

import subprocess
from http.client import HTTPConnection

from tests.conformance.serving import Gateway


def test_promtool_accepts_the_metrics(gateway: Gateway, promtool: str) -> None:
    connection = HTTPConnection("127.0.0.1", gateway.admin_port, timeout=30)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read()
    connection.close()
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, timeout=60)
    assert b"headgate_requests_total" in page
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
