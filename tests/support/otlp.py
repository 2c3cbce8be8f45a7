"""A receiver of telemetry: OTLP over HTTP, as a collector takes it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.background import Background


class Receiver(Background):
    """Decodes what comes and answers with `status`; `delay` in seconds comes before the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.delay = 0.0
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._traces: list[ExportTraceServiceRequest] = []
        self._metrics: list[ExportMetricsServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self) -> list[Any]:
        """Every span that has come."""
        return [
            span
            for request in list(self._traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> dict[str, Any]:
        """Of the first spans."""
        return values(self._traces[0].resource_spans[0].resource.attributes)

    def scope(self) -> Any:
        """Of the first spans."""
        return self._traces[0].resource_spans[0].scope_spans[0]

    def points(self, name: str) -> list[Any]:
        """The data points of a metric in the newest report that has it."""
        found: list[Any] = []
        for request in list(self._metrics):
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            found = list(metric.histogram.data_points)
        return found

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers["content-length"]))
                self._take(head[0].split(" ")[1], headers, body)
                if self.delay and await self._left(reader):
                    return
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % self.status)
                await writer.drain()

    async def _left(self, reader: asyncio.StreamReader) -> bool:
        """Waits; true when the sender has gone meanwhile."""
        going = asyncio.ensure_future(reader.read(1))
        await asyncio.wait((going,), timeout=self.delay)
        return going.done() or not going.cancel()

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.requests.append((path, headers))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.status != 200:
            return
        if path == "/v1/traces":
            self._traces.append(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self._metrics.append(ExportMetricsServiceRequest.FromString(body))


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as Python has them."""
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens."""
    running = Receiver()
    running.start()
    try:
        yield running
    finally:
        running.stop()
