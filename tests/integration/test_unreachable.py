"""Upstreams to which nothing could be sent: the next attempt may follow, whatever the reason."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.support.gateway import running_gateway
from tests.support.ports import free_ports
from tests.support.scripted import answer

CHAT = "/v1/chat/completions"
CONFIG = """
upstreams:
  good: {{provider: openai, base_url: "{url}"}}
  unnamed: {{provider: openai, base_url: "http://nowhere.invalid/v1"}}
  refusing: {{provider: openai, base_url: "http://127.0.0.1:{refusing}/v1"}}
  silent: {{provider: openai, base_url: "http://127.0.0.1:{silent}/v1"}}
  plain: {{provider: openai, base_url: "https://127.0.0.1:{plain}/v1"}}
routes:
  all:
    variants:
      good: {{upstream: good, model: m}}
      unnamed: {{upstream: unnamed, model: m}}
      refusing: {{upstream: refusing, model: m}}
      silent: {{upstream: silent, model: m}}
      plain: {{upstream: plain, model: m}}
    variant: good
    fallbacks: [good]
    timeouts: {{connect: 2s}}
    retries: 0
    breaker: "off"
"""


@contextlib.contextmanager
def nobody_accepts() -> Iterator[int]:
    """A port whose queue of connections is full, so that the next one is not answered."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        yield port


@pytest.fixture(scope="module")
def gateway(shared_upstream, tmp_path_factory):
    place = tmp_path_factory.mktemp("unreachable")
    config = place / "headgate.yaml"
    with nobody_accepts() as silent:
        ports = {"refusing": free_ports(1)[0], "silent": silent, "plain": shared_upstream.port}
        config.write_text(CONFIG.format(url=shared_upstream.url, **ports))
        with running_gateway(config, options=["--workers", "1", "--state", str(place / "state")]) as one:
            yield one


@pytest.mark.parametrize("variant", ["unnamed", "refusing", "silent", "plain"])
def test_the_next_variant_serves(gateway, upstream, variant):
    upstream.script = lambda received: answer("fine")
    body = {"model": "all", "messages": [{"role": "user", "content": "hi"}]}
    response = gateway.post(CHAT, body, headers={"x-headgate-variant": variant})
    assert response.status == 200
    assert response.headers["x-headgate-served-variant"] == "good"
    assert response.headers["x-headgate-attempts"] == "2"
    gateway.wait_for_metric(1, "headgate_attempts_total", variant=variant, result="refused")
