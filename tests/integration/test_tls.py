"""Upstreams over TLS: a private authority is trusted when configured, and nobody else is."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import trustme

from tests.support.gateway import running_gateway
from tests.support.scripted import scripted_upstream
from tests.support.terminator import Terminator

CHAT = "/v1/chat/completions"
BODY = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}
CONFIG = """
upstreams:
  known: {{provider: openai, base_url: "https://localhost:{port}/v1", ca_file: authority.pem}}
  misnamed: {{provider: openai, base_url: "https://127.0.0.1:{port}/v1", ca_file: authority.pem}}
  unknown: {{provider: openai, base_url: "https://localhost:{port}/v1"}}
routes:
  solver: {{variants: {{it: {{upstream: known, model: m, price: {{request: 1}}}}}}, variant: it}}
  misnamed: {{variants: {{it: {{upstream: misnamed, model: m, price: {{request: 1}}}}}}, variant: it}}
  unknown: {{variants: {{it: {{upstream: unknown, model: m, price: {{request: 1}}}}}}, variant: it}}
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def terminator(authority: trustme.CA) -> Iterator[Terminator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with scripted_upstream() as upstream:
        terminator = Terminator(upstream, context)
        terminator.start()
        yield terminator
        terminator.stop()


def test_who_is_trusted(tmp_path, authority, terminator):
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG.format(port=terminator.port))
    with running_gateway(config) as gateway:
        assert [gateway.post(CHAT, BODY).status for _ in range(3)] == [200, 200, 200]
        assert terminator.connections == 1  # kept alive
        for route in ("misnamed", "unknown"):
            refused = gateway.post(CHAT, BODY | {"model": route})
            assert (refused.status, refused.error["code"]) == (502, "upstream_error")
        gateway.wait_for_metric(4, "headgate_attempts_total", result="refused")
        for route, reason in (("misnamed", "IP address mismatch"), ("unknown", "unable to get local issuer")):
            words = f"upstream {route} cannot be reached (certificate not accepted: {reason}"
            gateway.wait_until(lambda words=words: gateway.logged(words))
