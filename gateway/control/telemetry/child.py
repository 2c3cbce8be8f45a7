"""The process that sends telemetry: spans and figures, made of what workers report, to an OTLP receiver.

Beside the control plane and not in it, so that neither evidence nor outcomes wait for what this costs, and
a receiver that is slow or away is nobody else's business. Started only where telemetry is on, with a link to
the control plane, which hands on workers' messages; end of file, or being told so, means: send the rest and
leave.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Mapping
from importlib.metadata import version
from time import monotonic
from typing import Any

import msgspec
import uvloop
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from gateway.channel.link import Kind, Link
from gateway.channel.records import decode
from gateway.control.telemetry.attributes import Ended
from gateway.control.telemetry.conveyor import Conveyor
from gateway.control.telemetry.meter import Meter
from gateway.control.telemetry.tracer import Tracer
from gateway.control.telemetry.wire import Lost, decode_world, encode
from gateway.log import configure
from routing.trace import SAMPLED

NICE = 10
"""Where cores are short it comes last."""
PATIENCE = 2.0
"""Seconds for what has not been sent when it leaves."""
TELL = 1.0
"""Seconds between two words on what was lost."""
QUIET = 60.0
"""Seconds between two of the library's complaints in the log."""
log = logging.getLogger("headgate.telemetry")


class Figures(OTLPMetricExporter):
    """Counts what could not be sent. Figures are totals: the next report makes up for it."""

    failed = 0

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Sends them."""
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self.failed += result is not MetricExportResult.SUCCESS
        return result


class Sender:
    """Makes spans and figures of what comes."""

    def __init__(self, link: Link, environ: Mapping[str, str], options: argparse.Namespace) -> None:
        self._link = link
        self._left = asyncio.Event()
        self._told = 0
        resource = _resource(environ)
        release, old = version("headgate"), options.old_names
        self._tracer = Tracer(resource, release, old_names=old)
        self._conveyor = Conveyor(OTLPSpanExporter(), environ) if options.traces else None
        self._figures = Figures() if options.metrics else None
        readers = [PeriodicExportingMetricReader(self._figures)] if self._figures else []
        self._provider = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self._meter = Meter(self._provider, release, old_names=old)

    async def run(self) -> None:
        """Sends until told to leave."""
        self._link.listen(self._on_message, self._left.set)
        while not self._left.is_set():
            self._tell()
            try:
                await asyncio.wait_for(self._left.wait(), TELL)
            except TimeoutError:
                continue
        self._close()

    def _on_message(self, kind: Kind, message: bytes) -> None:
        if kind is Kind.BATCH:
            self._take(message)
        elif kind is Kind.WORLD:
            world = decode_world(message)
            self._meter.origins = self._tracer.origins = {one.upstream: one for one in world.origins}
            self._tracer.stages = world.stages
        elif kind is Kind.DRAIN:
            self._left.set()

    def _take(self, message: bytes) -> None:
        try:
            lines = decode(message).lines()
        except msgspec.DecodeError:
            log.warning("a worker's message could not be read")
            return
        for line, exposures in lines:
            for exposure in exposures:
                if exposure.spans is not None:
                    self._report(Ended(line, exposure, exposure.spans))

    def _report(self, ended: Ended) -> None:
        if self._figures is not None:
            self._meter.count(ended)
        if self._conveyor is not None and ended.spans.flags & SAMPLED:
            self._conveyor.add(self._tracer.spans_of(ended))

    def _tell(self) -> None:
        failed = self._figures.failed if self._figures is not None else 0
        lost = Lost(self._conveyor.lost() if self._conveyor is not None else 0, failed - self._told)
        self._told = failed
        if lost.traces or lost.metrics:
            self._link.try_send(Kind.LOST, encode(lost))

    def _close(self) -> None:
        end = monotonic() + PATIENCE
        if self._conveyor is not None:
            self._conveyor.close(PATIENCE)
        self._provider.shutdown(timeout_millis=max(end - monotonic(), 0.1) * 1000)
        self._tell()


def _resource(environ: Mapping[str, str]) -> Resource:
    """Who sends: by default `headgate`, and an instance of its own for every start."""
    usual = {"service.version": version("headgate"), "service.instance.id": str(uuid.uuid4())}
    given = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    names = {pair.partition("=")[0].strip() for pair in given.split(",")}
    if "service.name" not in names and not environ.get("OTEL_SERVICE_NAME"):
        usual["service.name"] = "headgate"
    return Resource.create({name: value for name, value in usual.items() if name not in names})


class Seldom(logging.Filter):
    """Lets through one complaint of the library in a while: of a receiver that is away it has no end."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one goes into the log."""
        if not record.name.startswith("opentelemetry"):
            return True
        if monotonic() < self._next:
            return False
        self._next = monotonic() + QUIET
        return True


def main() -> None:
    """`python -P -m gateway.control.telemetry.child --link FD [--traces] [--metrics] [--old-names]`."""
    parser = argparse.ArgumentParser(description="Sends Headgate's telemetry; started by the control plane.")
    parser.add_argument("--link", type=int, required=True)
    for flag in ("--traces", "--metrics", "--old-names"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)
    configure()
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
    os.nice(NICE)

    async def send() -> None:
        await Sender(Link.of_descriptor(options.link), os.environ, options).run()

    uvloop.run(send())
    sys.exit(0)  # threads that still wait for the receiver end with it


if __name__ == "__main__":
    main()
