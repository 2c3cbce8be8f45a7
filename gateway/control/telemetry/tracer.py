"""Spans of a request that has ended: its own (SERVER), and below it one for every attempt (CLIENT).

Their ids were drawn when the request was served, because upstreams had to be told; so they are made whole
here, and not started and ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.control.telemetry.attributes import (
    NOBODY,
    SCHEMA,
    Attributes,
    Ended,
    failure_of,
    fault_of,
    of_attempt,
    of_call,
    of_request,
    operation_of,
)
from gateway.control.telemetry.origins import Origin

NANO = 1_000_000_000


class Tracer:
    """`origins` are those of the upstreams by name, `stages` those of rollouts; replaced after a reload."""

    def __init__(self, resource: Resource, version: str, *, old_names: bool) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("headgate", version, SCHEMA)
        self._old = old_names
        self.origins: Mapping[str, Origin] = {}
        self.stages: Mapping[tuple[str, str], int] = {}

    def spans_of(self, ended: Ended) -> list[ReadableSpan]:
        """All of one request's."""
        line, exposure, spans = ended
        trace, flags = int.from_bytes(exposure.trace, "big"), TraceFlags(spans.flags)

        def context(span: bytes, *, remote: bool = False) -> SpanContext:
            return SpanContext(trace, int.from_bytes(span, "big"), remote, flags)

        began = exposure.time - exposure.duration
        failure = failure_of(ended)
        own = context(spans.span)
        stage = self.stages.get((line.route, line.segment))
        made = [
            self._span(
                f"POST /v1{spans.path}", SpanKind.SERVER, own,
                context(spans.parent, remote=True) if spans.parent else None,
                of_request(ended, stage), failure, began, exposure.time,
            )
        ]  # fmt: skip
        operation = operation_of(spans)
        for number, tried in enumerate(spans.attempts, 1):
            origin = self.origins.get(tried.upstream, NOBODY)
            attributes = of_call(operation, origin, tried.model, old=self._old)
            attributes |= of_attempt(ended, number, old=self._old)
            start = began + tried.started
            made.append(
                self._span(
                    f"{operation} {tried.model}", SpanKind.CLIENT, context(tried.span), own,
                    attributes, fault_of(tried), start, start + tried.duration,
                )
            )  # fmt: skip
        return made

    def _span(
        self,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: Attributes,
        error: str,
        start: float,
        end: float,
    ) -> ReadableSpan:
        if error:
            attributes["error.type"] = error
        return ReadableSpan(
            name, context, parent, self._resource, attributes, kind=kind,
            status=Status(StatusCode.ERROR if error else StatusCode.UNSET),
            start_time=int(start * NANO), end_time=int(end * NANO), instrumentation_scope=self._scope,
        )  # fmt: skip
