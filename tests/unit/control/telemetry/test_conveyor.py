"""A queue of spans with a bound, in front of a receiver that takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags

from gateway.control.telemetry.conveyor import Conveyor
from tests.support.client import PATIENCE
from tests.support.otlp import Receiver, receiver

RESOURCE = Resource({})
SMALL = {
    "OTEL_BSP_MAX_QUEUE_SIZE": "8",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
    "OTEL_BSP_SCHEDULE_DELAY": "10",
}


def spans(count: int) -> list[ReadableSpan]:
    return [
        ReadableSpan(f"span {number}", SpanContext(1, number + 1, False, TraceFlags(1)), resource=RESOURCE)
        for number in range(count)
    ]


@pytest.fixture
def taking() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def exporter(taking: Receiver) -> Iterator[OTLPSpanExporter]:
    made = OTLPSpanExporter(f"{taking.url}/v1/traces", timeout=PATIENCE)
    yield made
    made.shutdown()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_all_of_them_arrive(taking: Receiver, exporter: OTLPSpanExporter) -> None:
    conveyor = Conveyor(exporter, SMALL | {"OTEL_BSP_MAX_QUEUE_SIZE": "100"})
    conveyor.add(spans(21))
    conveyor.close(PATIENCE)
    assert [span.name for span in taking.spans()] == [f"span {number}" for number in range(21)]
    assert len(taking.requests) >= 6
    assert conveyor.lost() == 0


def test_what_finds_no_room_is_counted_and_nobody_waits(taking: Receiver, exporter: OTLPSpanExporter) -> None:
    taking.delay = PATIENCE
    conveyor = Conveyor(exporter, SMALL)
    conveyor.add(spans(4))
    until(lambda: len(taking.requests) == 1)
    conveyor.add(spans(20))
    assert conveyor.lost() == 12
    assert conveyor.lost() == 0
    began = time.monotonic()
    conveyor.close(0.05)
    assert time.monotonic() - began < PATIENCE


def test_what_is_refused_is_counted(taking: Receiver, exporter: OTLPSpanExporter) -> None:
    taking.status = 400
    conveyor = Conveyor(exporter, SMALL)
    conveyor.add(spans(3))
    conveyor.close(PATIENCE)
    assert conveyor.lost() == 3


def test_a_library_that_fails_is_no_reason_to_stop(taking: Receiver, exporter: OTLPSpanExporter) -> None:
    conveyor = Conveyor(exporter, SMALL | {"OTEL_BSP_SCHEDULE_DELAY": "nonsense"})
    conveyor.add([None] * 4)  # type: ignore[list-item]
    until(lambda: conveyor.lost() == 4)
    conveyor.add(spans(4))
    until(lambda: len(taking.spans()) == 4)
    conveyor.close(PATIENCE)
