"""Upstreams over TLS: a private authority is trusted when configured, and nobody else is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import pytest
import trustme

from tests.support.background import Background
from tests.support.gateway import running_gateway
from tests.support.scripted import ScriptedUpstream, scripted_upstream

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


class Terminator(Background):
    """Takes TLS off in front of a plain upstream."""

    def __init__(self, upstream: ScriptedUpstream, context: ssl.SSLContext) -> None:
        super().__init__("localhost", context)
        self._upstream = upstream

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copies both ways."""
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream.port)
        try:
            await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))
        finally:
            for one in (writer, up_writer):
                one.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


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
