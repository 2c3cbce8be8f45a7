"""Workers that are replaced while they serve: nothing fails, nothing is lost, nothing is counted twice."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.client import PATIENCE
from tests.support.gated import GatedUpstream, gated_upstream, held_streams
from tests.support.gateway import Gateway, running_gateway
from tests.support.load import END, load
from tests.support.processes import CHAT, CONTROL, WORKER, alive, body, kill

REQUESTS = "headgate_requests_total"
CONFIG = """
server:
  lame_duck: 500ms
  drain: 20s
upstreams:
  sim: {{provider: simulated, latency: 0s, tokens_per_second: 0, book: tasks.json}}
  held: {{provider: openai, base_url: "{url}"}}
routes:
  solver:
    variants: {{base: {{upstream: sim, model: base, price: {{input: 1, output: 2}}}}}}
    variant: base
  held:
    variants: {{slow: {{upstream: held, model: slow, price: {{input: 1, output: 2}}}}}}
    variant: slow
"""


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[GatedUpstream]:
    with gated_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared_upstream: GatedUpstream) -> Path:
    """Where the configuration is."""
    folder = tmp_path_factory.mktemp("gateway")
    write_book(folder, "the first book")
    (folder / "headgate.yaml").write_text(CONFIG.format(url=shared_upstream.url))
    return folder


@pytest.fixture(scope="module")
def shared_gateway(folder: Path) -> Iterator[Gateway]:
    with running_gateway(folder / "headgate.yaml", options=["--workers", "2"]) as gateway:
        gateway.wait_until(lambda: gateway.logged("serving"))
        yield gateway


@pytest.fixture
def upstream(shared_upstream: GatedUpstream, shared_gateway: Gateway) -> GatedUpstream:
    """Its gate is shut, and nobody waits there."""
    shared_upstream.open()
    shared_gateway.wait_until(lambda: shared_upstream.held == 0)
    shared_upstream.shut()
    return shared_upstream


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Two workers, nobody leaving, nothing logged."""
    shared_gateway.wait_until(lambda: len(shared_gateway.children(WORKER)) == 2)
    shared_gateway.log.clear()
    return shared_gateway


def write_book(directory: Path, answer: str) -> None:
    """A task book by which the simulated upstream answers `body()`."""
    task = {"title": "hi", "statement": "", "rating": 800, "samples": [], "right": answer, "wrong": [answer]}
    (directory / "tasks.json").write_text(json.dumps({"tasks": [task]}))


def roll(gateway: Gateway) -> None:
    """Asks for a roll and waits for its end."""
    rolled = events(gateway)["rolled"]
    gateway.process.send_signal(signal.SIGUSR1)
    gateway.wait_until(lambda: events(gateway)["rolled"] > rolled)


def events(gateway: Gateway) -> Counter[str]:
    return Counter(str(entry.get("event")) for entry in list(gateway.log))


def successor(gateway: Gateway, before: set[int]) -> int:
    """The process that is being started."""
    gateway.wait_until(lambda: bool(set(gateway.children(WORKER)) - before))
    return next(iter(set(gateway.children(WORKER)) - before))


def test_a_roll_under_load_fails_nothing_and_loses_no_count(gateway, upstream):
    before = set(gateway.children(WORKER))
    solved, held = (gateway.metric(REQUESTS, route=route) for route in ("solver", "held"))
    with held_streams(gateway, upstream, 8) as streams, load(gateway) as flow:
        roll(gateway)
        after = set(gateway.children(WORKER)) - before
        assert len(after) == 2
        # Both processes of a number are there, and told of as one worker.
        assert all(alive(pid) for pid in before)
        gateway.wait_for_metric(8, "headgate_inflight_requests")
        text = gateway.get("/metrics", port=gateway.admin_port).body.decode()
        families = {family.name: family.samples for family in text_string_to_metric_families(text)}
        resident = families["headgate_worker_resident_bytes"]
        assert [sample.labels for sample in resident] == [{"worker": "0"}, {"worker": "1"}]
        upstream.open()
        assert all(stream.read().endswith(END) for stream in streams)
        gateway.wait_until(lambda: not any(alive(pid) for pid in before))
        flow.stop()
    assert flow.faults == []
    assert set(gateway.children(WORKER)) == after
    gateway.wait_for_metric(solved + flow.completions, REQUESTS, route="solver")
    gateway.wait_for_metric(held + 8, REQUESTS, route="held")
    gateway.wait_until(lambda: gateway.metric("headgate_inflight_requests") == 0)
    assert gateway.metric(REQUESTS, route="solver", status="ok") == solved + flow.completions
    assert gateway.metric(REQUESTS, route="held", status="ok") == held + 8
    assert gateway.metric("headgate_dropped_events_total") == 0
    assert gateway.metric("headgate_config_reload_failures_total") == 0


def test_an_idle_connection_may_ask_once_more(folder, upstream):
    """For as long as the lame duck; new connections are the successor's, and of no others."""
    config = folder / "patient.yaml"
    config.write_text(CONFIG.format(url=upstream.url).replace("500ms", "1h"))
    with (
        running_gateway(config, options=["--workers", "1"]) as gateway,
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)) as kept,
    ):
        gateway.wait_until(lambda: gateway.logged("serving"))
        assert is_ready(kept) is None
        (old,) = gateway.children(WORKER)
        roll(gateway)
        (new,) = set(gateway.children(WORKER)) - {old}
        assert [is_ready(each) for each in connections(gateway, 30)] == [None] * 30
        os.kill(new, signal.SIGKILL)
        gateway.wait_until(lambda: events(gateway)["restarted"] == 1)
        assert is_ready(kept) == "close"
        assert gateway.stop() == 0  # the hour is cut short
        assert not alive(old)


def connections(gateway: Gateway, count: int) -> Iterator[http.client.HTTPConnection]:
    for _ in range(count):
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
        ) as one:
            yield one


def is_ready(connection: http.client.HTTPConnection) -> str | None:
    """Asks, and returns what the answer says of the connection."""
    connection.request("GET", "/health/ready")
    answer = connection.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read())["status"] == "ready"
    return answer.getheader("connection")


def test_a_new_book_or_certificate_is_brought_to_bear_by_new_workers(gateway, folder):
    before = set(gateway.children(WORKER))
    with load(gateway) as flow:
        write_book(folder, "the second book")
        gateway.wait_until(lambda: events(gateway)["rolled"] == 1)
        gateway.wait_until(lambda: not before & set(gateway.children(WORKER)))
    assert flow.faults == []
    assert gateway.logged("files of upstreams have changed, which takes new workers: sim")
    assert "the second book" in gateway.post(CHAT, body()).json["choices"][0]["message"]["content"]
    gateway.wait_until(lambda: gateway.metric("headgate_snapshot_revision") == 2)


def test_a_successor_that_cannot_start_leaves_the_old_worker_serving(gateway, folder):
    before = set(gateway.children(WORKER))
    book = folder / "tasks.json"
    content = book.read_text()
    book.unlink()
    with load(gateway) as flow:
        gateway.process.send_signal(signal.SIGUSR1)
        gateway.wait_until(lambda: gateway.logged("the one before it serves on"))
    assert flow.faults == []
    assert set(gateway.children(WORKER)) == before
    book.write_text(content)
    roll(gateway)  # it is no end of rolling
    gateway.wait_until(lambda: not before & set(gateway.children(WORKER)))


def test_a_successor_that_is_killed_is_started_again(gateway):
    before = set(gateway.children(WORKER))
    with load(gateway) as flow:
        gateway.process.send_signal(signal.SIGUSR1)
        os.kill(successor(gateway, before), signal.SIGKILL)
        gateway.wait_until(lambda: events(gateway)["rolled"] == 1)
        gateway.wait_until(lambda: not before & set(gateway.children(WORKER)))
    assert gateway.logged("SIGKILL")
    assert flow.faults == []
    assert len(gateway.children(WORKER)) == 2


def test_workers_and_the_control_plane_that_die_within_a_roll(gateway, upstream):
    before = set(gateway.children(WORKER))
    with held_streams(gateway, upstream, 4):
        gateway.process.send_signal(signal.SIGUSR1)
        newest = successor(gateway, before)
        for pid in (*before, *gateway.children(CONTROL)):
            os.kill(pid, signal.SIGKILL)
        gateway.wait_until(lambda: events(gateway)["rolled"] == 1)
        gateway.wait_until(lambda: len(gateway.children(WORKER)) == 2)
    assert newest in gateway.children(WORKER)
    kill(gateway, WORKER)  # a successor is kept alive as its predecessor was
    gateway.post(CHAT, body())
    gateway.wait_for_metric(1, REQUESTS, route="solver")


def test_asked_while_it_is_being_done(gateway, upstream):
    first = set(gateway.children(WORKER))
    with held_streams(gateway, upstream, 4) as streams:
        gateway.process.send_signal(signal.SIGUSR1)
        second = successor(gateway, first)
        gateway.process.send_signal(signal.SIGUSR1)
        gateway.wait_until(lambda: events(gateway)["rolled"] == 1)
        upstream.open()  # the second roll waits for those that leave
        assert all(stream.read().endswith(END) for stream in streams)
        gateway.wait_until(lambda: events(gateway)["rolled"] == 2)
    gateway.wait_until(lambda: len(gateway.children(WORKER)) == 2)
    assert not (first | {second}) & set(gateway.children(WORKER))


def test_leaving_within_a_roll(folder, upstream):
    with running_gateway(folder / "headgate.yaml", options=["--workers", "2"]) as gateway:
        leave_within_a_roll(gateway, upstream)


def leave_within_a_roll(gateway: Gateway, upstream: GatedUpstream) -> None:
    before = set(gateway.children(WORKER))
    with held_streams(gateway, upstream, 8) as streams, load(gateway) as flow:
        gateway.process.send_signal(signal.SIGUSR1)
        gateway.wait_until(lambda: events(gateway)["replaced"] == 1)
        children = gateway.children(WORKER) + gateway.children(CONTROL)
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait_until(lambda: gateway.logged("what is under way"))
        upstream.open()
        assert all(stream.read().endswith(END) for stream in streams)
        assert gateway.process.wait(PATIENCE) == 0
        flow.wait()
    assert not any(alive(pid) for pid in (*before, *children))
    assert [fault for fault in flow.faults if not fault.startswith("readiness 503")] == []
    assert events(gateway)["rolled"] == 0
