"""SIGTERM: what is under way is finished, whoever has connected is served, what takes too long is told so."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import PATIENCE
from tests.support.gated import GatedUpstream, ask, gated_upstream, held_streams
from tests.support.gateway import Gateway, running_gateway
from tests.support.load import END, load
from tests.support.processes import CHAT, CONTROL, WORKER, alive, body

STREAMS = 200
CONFIG = """
server:
  lame_duck: {lame_duck}
  drain: {drain}
upstreams:
  sim: {{provider: simulated, latency: 0s, tokens_per_second: 0}}
  held: {{provider: openai, base_url: "{url}"}}
routes:
  solver:
    variants: {{base: {{upstream: sim, model: base, price: {{input: 1, output: 2}}}}}}
    variant: base
  held:
    variants: {{slow: {{upstream: held, model: slow, price: {{input: 1, output: 2}}}}}}
    variant: slow
"""


@pytest.fixture
def upstream() -> Iterator[GatedUpstream]:
    with gated_upstream() as upstream:
        yield upstream


@contextlib.contextmanager
def serving(
    folder: Path, upstream: GatedUpstream, *, workers: int, lame_duck: str, drain: str
) -> Iterator[Gateway]:
    config = folder / "headgate.yaml"
    config.write_text(CONFIG.format(url=upstream.url, lame_duck=lame_duck, drain=drain))
    with running_gateway(config, options=["--workers", str(workers)]) as gateway:
        gateway.wait_until(lambda: gateway.logged("serving"))
        yield gateway


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_open_streams_survive_and_nobody_who_has_connected_is_refused(tmp_path, upstream):
    with (
        serving(tmp_path, upstream, workers=2, lame_duck="8s", drain="20s") as gateway,
        held_streams(gateway, upstream, STREAMS) as streams,
        load(gateway) as flow,
    ):
        children = gateway.children(WORKER) + gateway.children(CONTROL)
        gateway.process.send_signal(signal.SIGTERM)
        for port in (gateway.port, gateway.admin_port):
            gateway.wait_until(lambda port=port: gateway.get("/health/ready", port=port).status == 503)
        assert gateway.post(CHAT, body()).status == 200
        assert gateway.get("/health/live").status == 200
        flow.wait()
        assert not listens(gateway.port)
        assert all(alive(pid) for pid in children)
        upstream.open()
        assert sum(stream.read().endswith(END) for stream in streams) == STREAMS
        assert gateway.process.wait(PATIENCE) == 0
    assert [fault for fault in flow.faults if not fault.startswith("readiness 503")] == []
    assert not any(alive(pid) for pid in children)


def test_what_outlives_the_drain_is_told_so(tmp_path, upstream):
    with (
        serving(tmp_path, upstream, workers=1, lame_duck="0s", drain="300ms") as gateway,
        held_streams(gateway, upstream, 20) as streams,
        contextlib.ExitStack() as stack,
    ):
        plain = [ask(gateway, stream=False) for _ in range(20)]
        for connection in plain:
            stack.callback(connection.close)
        gateway.wait_until(lambda: upstream.held == 40)
        gateway.process.send_signal(signal.SIGTERM)
        for stream in streams:
            *begun, last, nothing = stream.read().split(b"\n\n")
            assert len(begun) == 1 and b"begun" in begun[0]
            assert nothing == b""
            assert set(json.loads(last.removeprefix(b"data: "))) == {"error"}
        for connection in plain:
            answer = connection.getresponse()
            assert answer.status == 503
            assert answer.getheader("retry-after") == "1"
            assert answer.getheader("connection") == "close"
            assert json.loads(answer.read())["error"]["code"] == "overloaded"
        assert gateway.process.wait(PATIENCE) == 0


def test_a_request_that_is_half_sent_is_told_so(tmp_path, upstream):
    with serving(tmp_path, upstream, workers=1, lame_duck="0s", drain="300ms") as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE) as client:
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"
            )
            gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 1)
            gateway.process.send_signal(signal.SIGTERM)
            response = http.client.HTTPResponse(client)
            response.begin()
            assert response.status == 503
            assert json.loads(response.read())["error"]["code"] == "overloaded"
        assert gateway.process.wait(PATIENCE) == 0


def test_what_was_counted_last_is_counted(tmp_path, upstream):
    """A control plane that is held up reads the workers' last words when it goes on."""
    with (
        serving(tmp_path, upstream, workers=2, lame_duck="0s", drain="20s") as gateway,
        held_streams(gateway, upstream, 8) as streams,
    ):
        before = gateway.children(WORKER)
        gateway.process.send_signal(signal.SIGUSR1)
        gateway.wait_until(lambda: any(entry.get("event") == "rolled" for entry in list(gateway.log)))
        (control,) = gateway.children(CONTROL)
        with stopped(control):
            upstream.open()
            assert all(stream.read().endswith(END) for stream in streams)
            gateway.wait_until(lambda: not any(alive(pid) for pid in before))
        gateway.wait_for_metric(8, "headgate_requests_total", route="held", status="ok")
        assert gateway.metric("headgate_requests_total", route="held") == 8
        gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 0)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
