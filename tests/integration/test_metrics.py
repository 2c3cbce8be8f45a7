"""What Prometheus sees after real requests."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.support.gateway import Gateway, hash_of, running_gateway
from tests.support.processes import CHAT, SERVED, WORKER, body, kill, write

USAGE = {"x-simulated-usage": "input=1000,cached=400,output=500,reasoning=100"}
TUNED_COST = (1000 * 2 + 500 * 4) / 1e6
BASE_COST = (1000 * 1 + 500 * 2) / 1e6
LABELS = {
    "headgate_requests_total": {"route", "segment", "variant", "served_variant", "stratum", "status"},
    "headgate_request_duration_seconds_count": {"route", "segment", "variant"},
    "headgate_time_to_first_token_seconds_count": {"route", "segment", "variant"},
    "headgate_overhead_seconds_count": set(),
    "headgate_attempts_total": {"upstream", "variant", "result"},
    "headgate_attempt_duration_seconds_count": {"upstream", "variant"},
    "headgate_tokens_total": {"route", "variant", "type"},
    "headgate_cost_usd_total": {"route", "segment", "variant"},
    "headgate_items_total": {"route", "segment", "variant"},
    "headgate_application_requests_total": {"application", "route", "status"},
    "headgate_application_cost_usd_total": {"application", "route"},
    "headgate_difficulty_source_total": {"route", "source"},
    "headgate_rollout_weight": {"route", "segment"},
    "headgate_inflight_requests": set(),
    "headgate_worker_resident_bytes": {"worker"},
    "headgate_snapshot_revision": set(),
    "headgate_snapshot_age_seconds": set(),
    "headgate_config_reload_failures_total": set(),
    "headgate_dropped_events_total": set(),
    "headgate_store_initialized_timestamp_seconds": set(),
    "headgate_build_info": {"version"},
}
CONFIG = SERVED.replace(
    "lame_duck: 0s",
    f"""lame_duck: 0s
  keys:
    - {{name: app, application: tests, hash: "{hash_of("hg_app")}", scopes: [chat, pin]}}""",
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One plain and one streamed request for each variant have been answered and counted."""
    config = write(tmp_path_factory.mktemp("gateway"), CONFIG)
    with running_gateway(config, keys={"app": "hg_app"}, options=["--workers", "2"]) as gateway:
        for variant in ("tuned", "base"):
            for stream in (False, True):
                headers = USAGE | {"x-headgate-variant": variant, "x-headgate-items": "3"}
                assert gateway.post(CHAT, body(stream=stream), headers=headers).status == 200
        gateway.wait_for_metric(4, "headgate_requests_total", status="ok")
        yield gateway


def exposition(gateway: Gateway, accept: str = "") -> tuple[str, str]:
    response = gateway.get("/metrics", port=gateway.admin_port, headers={"accept": accept} if accept else {})
    assert response.status == 200
    return response.headers["content-type"], response.body.decode()


def test_every_series_has_its_labels(gateway):
    seen = {
        sample.name: set(sample.labels) - {"le"}
        for family in parse_text(exposition(gateway)[1])
        for sample in family.samples
    }
    assert {name: seen.get(name) for name in LABELS} == LABELS


def test_names_and_types_follow_the_conventions(gateway):
    for family in parse_text(exposition(gateway)[1]):
        assert family.documentation
        assert re.fullmatch(r"(headgate|process)_[a-z_]+", family.name)
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total")


def test_what_the_requests_used_and_cost(gateway):
    metric = gateway.metric
    for variant, cost in (("tuned", TUNED_COST), ("base", BASE_COST)):
        assert metric("headgate_cost_usd_total", variant=variant) == pytest.approx(2 * cost)
        assert metric("headgate_items_total", variant=variant) == 6
        assert metric("headgate_requests_total", variant=variant, served_variant=variant) == 2
        assert metric("headgate_attempts_total", upstream="sim", variant=variant, result="ok") == 2
        tokens = {"input": 1200, "cached_input": 800, "output": 800, "reasoning": 200}
        assert {
            kind: metric("headgate_tokens_total", variant=variant, type=kind) for kind in tokens
        } == tokens
    assert metric(
        "headgate_application_cost_usd_total", application="tests", route="solver"
    ) == pytest.approx(2 * (TUNED_COST + BASE_COST))
    assert metric("headgate_application_requests_total", application="tests", status="ok") == 4


def test_histograms_add_up(gateway):
    for name, count in {
        "headgate_request_duration_seconds": 4,
        "headgate_time_to_first_token_seconds": 2,
        "headgate_attempt_duration_seconds": 4,
    }.items():
        assert gateway.metric(f"{name}_count") == count
        assert gateway.metric(f"{name}_bucket", le="+Inf") == count
        assert gateway.metric(f"{name}_sum") > 0


def test_gauges(gateway):
    assert gateway.metric("headgate_rollout_weight", route="solver", segment="all") == 10
    assert gateway.metric("headgate_build_info", version="0.1.0") == 1
    # A worker that could say nothing for a while has no gauges for as long.
    gateway.wait_until(lambda: gateway.metric("headgate_snapshot_revision") == 1)
    (serving,) = (entry for entry in gateway.log if entry.get("event") == "serving")
    for worker in ("0", "1"):
        held = partial(resident, serving["processes"][f"worker {worker}"])
        told = partial(gateway.metric, "headgate_worker_resident_bytes", worker=worker)
        gateway.wait_until(lambda held=held, told=told: told() == pytest.approx(held(), rel=0.3))
    assert gateway.metric("headgate_inflight_requests") == 0


def resident(pid):
    """Bytes of memory that a process holds (proc(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_both_formats(gateway):
    kind, text = exposition(gateway)
    assert kind.startswith("text/plain; version=0.0.4")
    assert list(parse_text(text))
    kind, text = exposition(gateway, "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in parse_openmetrics(text)}
    assert families["headgate_requests"].type == "counter"
    assert families["headgate_worker_resident_bytes"].unit == "bytes"
    assert families["headgate_cost_usd"].unit == "usd"
    classic = {sample.name for family in parse_text(exposition(gateway)[1]) for sample in family.samples}
    strict = {sample.name for family in families.values() for sample in family.samples}
    assert strict == classic
    assert text.count(" # {") >= 2
    assert " # {" not in exposition(gateway)[1]


def test_exemplars_name_requests_and_traces(gateway):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "x-simulated-status": "400"}
    response = gateway.post(CHAT, body(), headers=headers)
    assert response.status == 400

    def failed():
        text = exposition(gateway, "application/openmetrics-text")[1]
        requests = next(one for one in parse_openmetrics(text) if one.name == "headgate_requests")
        found = (one.exemplar for one in requests.samples if one.labels["status"] == "client_error")
        return next((one for one in found if one is not None), None)

    gateway.wait_until(failed)
    assert failed().labels["trace_id"] == trace
    assert len(failed().labels["request_id"]) == 24


def test_what_clients_send_makes_no_series(gateway):
    for number in range(20):
        gateway.post(CHAT, body(model=f"unknown-{number}"), key=f"wrong-{number}")
        gateway.post(CHAT, body(model=f"unknown-{number}"))
    gateway.wait_for_metric(40, "headgate_requests_total", status="client_error")
    samples = [
        sample
        for family in parse_text(exposition(gateway)[1])
        for sample in family.samples
        if sample.name == "headgate_requests_total" and sample.labels["route"] == "_other"
    ]
    assert len(samples) == 1
    assert "unknown-" not in exposition(gateway)[1]


def test_a_workers_counts_outlive_it_and_its_gauges_do_not(tmp_path):
    with running_gateway(write(tmp_path), options=["--workers", "2"]) as gateway:
        for _ in range(10):
            gateway.post(CHAT, body())
        gateway.wait_for_metric(10, "headgate_requests_total")
        kill(gateway, WORKER, 0)
        gateway.post(CHAT, body())
        gateway.wait_for_metric(11, "headgate_requests_total")
        silent = gateway.children(WORKER)[0]
        os.kill(silent, signal.SIGSTOP)
        try:
            gateway.wait_until(lambda: len(workers(gateway)) == 1)
        finally:
            os.kill(silent, signal.SIGCONT)
        gateway.wait_until(lambda: len(workers(gateway)) == 2)


def workers(gateway: Gateway) -> list[str]:
    """The workers whose gauges are shown."""
    return re.findall(r"headgate_worker_resident_bytes{worker=\"(\d+)\"}", exposition(gateway)[1])
