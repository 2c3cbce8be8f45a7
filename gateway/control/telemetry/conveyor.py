"""Spans on their way out: a bounded queue, and a thread that sends what is in it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger("headgate.telemetry")
DELAY, QUEUE, BATCH = "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
DEFAULTS = {DELAY: 5_000, QUEUE: 2_048, BATCH: 512}
"""Milliseconds and spans, as OpenTelemetry has them."""


class Conveyor:
    """Adding never waits: what finds the queue full, or cannot be sent, is lost and counted."""

    def __init__(self, exporter: SpanExporter, environ: Mapping[str, str]) -> None:
        chosen = {name: _positive(environ.get(name, ""), usual) for name, usual in DEFAULTS.items()}
        self._exporter = exporter
        self._delay = chosen[DELAY] / 1000
        self._bound = chosen[QUEUE]
        self._batch = min(chosen[BATCH], chosen[QUEUE])
        self._waiting: deque[ReadableSpan] = deque()
        self._refused = self._failed = self._told = 0  # one counter for each thread
        self._awake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def add(self, spans: Iterable[ReadableSpan]) -> None:
        """Takes these along, as far as there is room."""
        for span in spans:
            if len(self._waiting) >= self._bound:
                self._refused += 1
            else:
                self._waiting.append(span)
        if len(self._waiting) >= self._batch:
            self._awake.set()

    def lost(self) -> int:
        """How many have been lost since this was asked last."""
        lost = self._refused + self._failed
        news, self._told = lost - self._told, lost
        return news

    def _run(self) -> None:
        while not self._closing:
            self._awake.wait(self._delay)
            self._awake.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            try:
                sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
            except Exception:  # whatever a library does, the next batch gets its chance
                log.exception("spans could not be sent")
                sent = False
            if not sent:
                self._failed += len(batch)

    def close(self, patience: float) -> None:
        """Sends what waits, for so many seconds at most."""
        self._closing = True
        self._awake.set()
        self._thread.join(patience)


def _positive(text: str, usual: int) -> int:
    return int(text) if text.isdigit() and int(text) > 0 else usual
