"""What OpenTelemetry's variables ask for."""

from __future__ import annotations

import pytest

from gateway.control.telemetry.settings import telemetry_of
from routing.trace import WHOLE, Sampler, Tracing

WHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def of(**environ: str):
    """What is asked for when there is a receiver, without any problem."""
    telemetry, problems = telemetry_of(WHERE | environ)
    assert problems == []
    return telemetry


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"},
        WHERE | {"OTEL_SDK_DISABLED": "true"},
        WHERE | {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    ],
)
def test_it_is_off(environ):
    assert telemetry_of(environ) == (None, [])


@pytest.mark.parametrize(
    "environ, signals",
    [
        (WHERE, (True, True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, (True, False)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/v1/metrics"}, (False, True)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, (True, False)),
        (WHERE | {"OTEL_METRICS_EXPORTER": "none"}, (True, False)),
        (
            WHERE | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_SDK_DISABLED": "false"},
            (True, True),
        ),
    ],
)
def test_what_is_on(environ, signals):
    telemetry, problems = telemetry_of(environ)
    assert problems == [] and telemetry is not None
    assert (telemetry.traces, telemetry.metrics) == signals
    assert telemetry.tracing == Tracing(telemetry.sampler if signals[0] else None)


@pytest.mark.parametrize(
    "name, argument, sampler",
    [
        ("", "", Sampler(True, WHOLE)),
        ("always_on", "", Sampler(False, WHOLE)),
        ("always_off", "", Sampler(False, 0)),
        ("traceidratio", "0.25", Sampler(False, WHOLE // 4)),
        ("traceidratio", "", Sampler(False, WHOLE)),
        ("parentbased_always_off", "", Sampler(True, 0)),
        ("parentbased_traceidratio", "0", Sampler(True, 0)),
    ],
)
def test_samplers(name, argument, sampler):
    assert of(OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=argument).sampler == sampler


@pytest.mark.parametrize("choices, old", [("", False), ("http/dup", False), ("http, gen_ai/dup", True),
                                          ("gen_ai_latest_experimental", False)])  # fmt: skip
def test_old_names(choices, old):
    assert of(OTEL_SEMCONV_STABILITY_OPT_IN=choices).old_names is old


@pytest.mark.parametrize(
    "environ, named, off",
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER", False),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "PROTOCOL", False),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "OTEL_TRACES_SAMPLER", False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "many"}, "SAMPLER_ARG", False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "SAMPLER_ARG", False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"}, "SAMPLER_ARG", False),
    ],
)
def test_what_cannot_be_done_is_told(environ, named, off):
    telemetry, problems = telemetry_of(WHERE | environ)
    assert (telemetry is None) is off
    assert problems and all(named in problem for problem in problems)


def test_without_the_extra_it_is_off(monkeypatch):
    monkeypatch.setattr("gateway.control.telemetry.settings.PACKAGES", ("opentelemetry.nothing", "nor.this"))
    telemetry, (problem,) = telemetry_of(WHERE)
    assert telemetry is None and "headgate[otel]" in problem
