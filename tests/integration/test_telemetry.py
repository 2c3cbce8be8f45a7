"""Traces and figures as a receiver of OTLP gets them, from a real gateway in front of a scripted upstream."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.integration.conftest import CONFIG, KEYS
from tests.support.gateway import Gateway, hash_of, running_gateway
from tests.support.otlp import Receiver, receiver, values
from tests.support.processes import CHAT
from tests.support.scripted import CLOSE, STREAM_HEAD, ScriptedUpstream, answer, chunk, event, stream

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
CANARIES = {"prompt": "canary-prompt", "answer": "canary-answer", "sticky": "canary-sticky-key"}
SERVER, CLIENT = 2, 3
ERROR = 2
CHILD = "gateway.control.telemetry.child"
ENVIRON = {
    "OTEL_SERVICE_NAME": "front-door",
    "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=ours",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    "OTEL_BSP_SCHEDULE_DELAY": "50",
    "OTEL_METRIC_EXPORT_INTERVAL": "100",
}


def start(directory, upstream: ScriptedUpstream, environ: dict[str, str]):
    """A gateway with the configuration of the other tests here."""
    path = directory / "headgate.yaml"
    path.write_text(CONFIG.format(url=upstream.url, **{name: hash_of(key) for name, key in KEYS.items()}))
    return running_gateway(path, keys=KEYS, environ=environ)


@pytest.fixture(scope="module")
def running(shared_upstream, tmp_path_factory) -> Iterator[tuple[Gateway, Receiver]]:
    with receiver() as taking:
        environ = ENVIRON | {"OTEL_EXPORTER_OTLP_ENDPOINT": taking.url}
        with start(tmp_path_factory.mktemp("telemetry"), shared_upstream, environ) as gateway:
            yield gateway, taking
            taking.delay = 60.0  # it takes what is sent and says nothing: nobody waits for it to leave
            assert ask(gateway).status == 200
        assert gateway.process.returncode == 0


@pytest.fixture
def gateway(running, upstream) -> Gateway:
    return running[0]


@pytest.fixture
def taking(running) -> Receiver:
    return running[1]


def ask(gateway: Gateway, *, headers: dict[str, str] | None = None, key: str = "app", **fields: object):
    body = {"model": "solver", "messages": [{"role": "user", "content": CANARIES["prompt"]}], **fields}
    sent = {"x-headgate-key": CANARIES["sticky"], **(headers or {})}
    return gateway.post(CHAT, body, key=key, headers=sent)


def trace_of(taking: Receiver, gateway: Gateway, response, attempts: int = 1):
    """The span of the request that was answered so, and those of its attempts."""
    request = response.headers["x-request-id"]
    name = gateway.admin("GET", f"/admin/v1/requests/{request}").json["request"]

    def own():
        return [span for span in taking.spans() if values(span.attributes).get("headgate.request_id") == name]

    def below():
        (span,) = own()
        return [one for one in taking.spans() if one.parent_span_id == span.span_id]

    gateway.wait_until(lambda: len(own()) == 1 and len(below()) == attempts)
    return own()[0], below()


def test_a_request_and_its_attempt(gateway, taking, upstream):
    response = ask(gateway, headers={"traceparent": TRACEPARENT}, temperature=0.2, max_tokens=5, seed=7)
    own, (call,) = trace_of(taking, gateway, response)
    assert (own.name, own.kind) == ("POST /v1/chat/completions", SERVER)
    assert (call.name, call.kind) == ("chat base-model", CLIENT)
    assert own.trace_id.hex() == call.trace_id.hex() == TRACE
    assert (own.parent_span_id.hex(), call.parent_span_id) == (CALLER, own.span_id)
    assert own.start_time_unix_nano <= call.start_time_unix_nano < call.end_time_unix_nano
    assert call.end_time_unix_nano <= own.end_time_unix_nano
    assert (own.status.code, call.status.code) == (0, 0)
    (received,) = upstream.received
    assert received.headers["traceparent"] == f"00-{TRACE}-{call.span_id.hex()}-01"


def test_what_they_say(gateway, taking, upstream):
    response = ask(gateway, headers={"x-headgate-difficulty": "2700"}, temperature=0.2, max_tokens=5, n=1)
    own, (call,) = trace_of(taking, gateway, response)
    said = values(own.attributes)
    assert len(own.trace_id) == 16 and not own.parent_span_id
    variant = response.headers["x-headgate-variant"]
    expected = {
        "http.request.method": "POST", "http.route": "/v1/chat/completions", "http.response.status_code": 200,
        "url.path": "/v1/chat/completions", "url.scheme": "http",
        "headgate.application": "tests", "headgate.route": "solver", "headgate.segment": "hard",
        "headgate.variant": variant, "headgate.served_variant": variant, "headgate.reason": "rollout",
        "headgate.stratum": "2200-2800", "headgate.status": "ok", "headgate.attempts": 1,
        "headgate.epoch": 1, "headgate.period": 1, "headgate.stage": 1,
        "headgate.probability": 0.3 if variant == "tuned" else 0.7,
    }  # fmt: skip
    assert expected.items() <= said.items()
    assert set(said) - set(expected) == {"headgate.request_id", "headgate.cost_usd"}
    assert values(call.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": f"{variant}-model", "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 5, "gen_ai.response.id": "chatcmpl-1", "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.reasoning.output_tokens": 5, "http.response.status_code": 200,
        "server.address": "127.0.0.1", "server.port": upstream.port,
        "headgate.route": "solver", "headgate.segment": "hard", "headgate.variant": variant,
        "headgate.upstream": "main", "headgate.attempt": 1, "headgate.result": "ok",
    }  # fmt: skip


def test_a_stream(gateway, taking, upstream):
    last = event("", choices=[{"index": 0, "delta": {}, "finish_reason": "length"}])
    quoted = event('a text that says "finish_reason": "stop"')
    upstream.script = lambda received: stream(event("a"), quoted, last)
    own, (call,) = trace_of(taking, gateway, ask(gateway, stream=True))
    said = values(call.attributes)
    assert said["gen_ai.request.stream"] is True
    assert 0 < said["gen_ai.response.time_to_first_chunk"] < 20
    assert said["gen_ai.response.finish_reasons"] == ["length"]
    assert (said["gen_ai.response.id"], said["gen_ai.usage.output_tokens"]) == ("chatcmpl-1", 20)
    assert values(own.attributes)["headgate.status"] == "ok"


def test_a_retry_and_a_fallback(gateway, taking, upstream):
    upstream.script = lambda received: answer() if len(upstream.received) == 3 else answer(status=503)
    response = ask(gateway, headers={"traceparent": TRACEPARENT})
    assert response.status == 200
    own, calls = trace_of(taking, gateway, response, attempts=3)
    said = [values(call.attributes) for call in calls]
    assert [one["headgate.attempt"] for one in said] == [1, 2, 3]
    assert [call.name for call in calls] == ["chat base-model", "chat base-model", "chat fallback-model"]
    assert [one.get("error.type") for one in said] == ["503", "503", None]
    assert [call.status.code for call in calls] == [ERROR, ERROR, 0]
    assert [call.span_id.hex() for call in calls] == [
        received.headers["traceparent"].split("-")[2] for received in upstream.received
    ]
    assert own.status.code == 0 and "error.type" not in values(own.attributes)
    assert "gen_ai.usage.input_tokens" not in said[0] and said[2]["gen_ai.usage.input_tokens"] == 100


@pytest.mark.parametrize(
    "script, seen, attempts, error, code",
    [
        (answer(status=503), 502, 3, "502", 502),
        (answer(status=400), 400, 1, None, 400),
        ([CLOSE], 502, 1, "502", 502),
        ([STREAM_HEAD, chunk(event("a")), CLOSE], 200, 1, "upstream_error", 200),
    ],
    ids=["server error", "rejected", "ambiguous", "broken"],
)
def test_failures(gateway, taking, upstream, script, seen, attempts, error, code):
    upstream.script = lambda received: script
    response = ask(gateway, stream=seen == 200)
    assert response.status == seen
    own, calls = trace_of(taking, gateway, response, attempts=attempts)
    said = values(own.attributes)
    assert (said.get("error.type"), said["http.response.status_code"]) == (error, code)
    assert own.status.code == (ERROR if error else 0)
    results = {"server error": "503", "rejected": "400", "ambiguous": "ambiguous", "broken": "broken"}
    last = values(calls[-1].attributes)
    assert last["error.type"] in results.values()
    assert calls[-1].status.code == ERROR


def test_what_the_caller_does_not_record_is_not_recorded(gateway, taking, upstream):
    response = ask(gateway, headers={"traceparent": f"00-{TRACE}-{CALLER}-00"})
    sent = upstream.received[0].headers["traceparent"].split("-")
    assert (sent[1], sent[3]) == (TRACE, "00") and sent[2] != CALLER
    trace_of(taking, gateway, ask(gateway))  # what came before it has been sent
    name = gateway.admin("GET", f"/admin/v1/requests/{response.headers['x-request-id']}").json["request"]
    assert all(values(span.attributes).get("headgate.request_id") != name for span in taking.spans())


def exposure_of(gateway: Gateway, response) -> dict[str, object]:
    """What the gateway itself tells of a request."""
    path = f"/admin/v1/requests/{response.headers['x-request-id']}"
    gateway.wait_until(lambda: gateway.admin("GET", path).json["exposure"])
    return gateway.admin("GET", path).json["exposure"]


def test_the_gateway_itself_names_the_trace(gateway, upstream):
    exposure = exposure_of(gateway, ask(gateway, headers={"traceparent": TRACEPARENT}))
    assert exposure["trace"] == TRACE
    assert "spans" not in exposure


def test_figures(gateway, taking, upstream):
    upstream.script = lambda received: stream(event("a")) if received.json["stream"] else answer()
    for streamed in (True, False):
        assert ask(gateway, model="slow", stream=streamed).status == 200

    def of_slow(name: str):
        return [
            point
            for point in taking.points(name)
            if values(point.attributes)["gen_ai.request.model"] == "slow-model"
        ]

    names = {
        "gen_ai.client.operation.duration": (2, [0.01, 0.02, 0.04]),
        "gen_ai.client.operation.time_to_first_chunk": (1, [0.01, 0.02, 0.04]),
        "gen_ai.client.token.usage": (2, [1, 4, 16]),
        "gen_ai.server.request.duration": (2, [0.01, 0.02, 0.04]),
        "gen_ai.server.time_to_first_token": (1, [0.001, 0.005, 0.01]),
    }
    for name, (count, bounds) in names.items():
        gateway.wait_until(lambda name=name, count=count: sum(one.count for one in of_slow(name)) >= count)
        assert list(of_slow(name)[0].explicit_bounds)[:3] == bounds
    tokens = {
        values(point.attributes)["gen_ai.token.type"]: (point.count, point.sum)
        for point in of_slow("gen_ai.client.token.usage")
    }
    assert tokens == {"input": (2, 200), "output": (2, 40)}
    (duration,) = of_slow("gen_ai.client.operation.duration")
    assert values(duration.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "slow-model", "gen_ai.response.model": "m", "server.address": "127.0.0.1",
        "server.port": upstream.port, "headgate.route": "slow", "headgate.variant": "only",
    }  # fmt: skip


def test_direct_requests_make_no_series_of_their_own(gateway, taking, upstream):
    for number in range(3):
        response = ask(gateway, model=f"main/any-{number}", key="pinner")
        own, (call,) = trace_of(taking, gateway, response)
        assert values(call.attributes)["gen_ai.request.model"] == f"any-{number}"

    def direct():
        points = taking.points("gen_ai.client.operation.duration")
        return [
            point for point in points if values(point.attributes)["gen_ai.request.model"].startswith("main/")
        ]

    gateway.wait_until(lambda: sum(point.count for point in direct()) == 3)
    assert [values(point.attributes)["gen_ai.request.model"] for point in direct()] == ["main/*"]


def test_how_it_is_sent(gateway, taking, upstream):
    trace_of(taking, gateway, ask(gateway))
    resource = taking.resource()
    assert resource["service.name"] == "front-door"
    assert resource["deployment.environment.name"] == "tests"
    assert resource["service.version"] == "0.1.0" and resource["service.instance.id"]
    scope = taking.scope()
    assert (scope.scope.name, scope.schema_url) == ("headgate", "https://opentelemetry.io/schemas/1.41.0")
    assert {path for path, _ in taking.requests} <= {"/v1/traces", "/v1/metrics"}
    _, headers = taking.requests[0]
    assert (headers["content-type"], headers["x-tenant"]) == ("application/x-protobuf", "ours")
    assert headers["content-encoding"] == "gzip"


def test_no_content_and_no_secret_is_sent(gateway, taking, upstream):
    upstream.script = lambda received: answer(CANARIES["answer"])
    trace_of(taking, gateway, ask(gateway, user=CANARIES["sticky"], stop=[CANARIES["prompt"]]))
    sent = "".join(map(str, taking.spans()))
    for canary in (*CANARIES.values(), *KEYS.values(), "upstream-secret"):
        assert canary not in sent


def test_a_killed_sender_is_started_again(gateway, taking, upstream):
    (plane,) = gateway.children("gateway.control.main")
    (before,) = children_of(plane)
    os.kill(before, signal.SIGKILL)
    gateway.wait_until(lambda: children_of(plane) - {before})
    trace_of(taking, gateway, ask(gateway))


def children_of(pid: int) -> set[int]:
    """Processes that send telemetry, of this control plane."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat, open(f"/proc/{entry}/cmdline") as command:
                    if int(stat.read().rpartition(")")[2].split()[1]) == pid and CHILD in command.read():
                        found.add(int(entry))
            except OSError:
                continue  # it has ended meanwhile
    return found


def test_off_it_forwards_the_header_as_it_came(shared_gateway, upstream):
    response = ask(shared_gateway, headers={"traceparent": TRACEPARENT, "tracestate": "a=b"})
    assert upstream.received[0].headers["traceparent"] == TRACEPARENT
    assert exposure_of(shared_gateway, response)["trace"] == TRACE
    assert exposure_of(shared_gateway, ask(shared_gateway))["trace"] is None
    assert "traceparent" not in upstream.received[1].headers
    assert (
        "telemetry"
        not in shared_gateway.request("GET", "/metrics", port=shared_gateway.admin_port).body.decode()
    )


def test_a_receiver_that_is_away_harms_nobody(gateway, taking, upstream):
    taking.status = 400
    try:
        response = ask(gateway)
        assert response.status == 200
        gateway.wait_until(lambda: gateway.metric("headgate_telemetry_lost_total", signal="traces") >= 2)
        gateway.wait_until(lambda: gateway.metric("headgate_telemetry_lost_total", signal="metrics") >= 1)
    finally:
        taking.status = 200
    trace_of(taking, gateway, ask(gateway))
