"""The event log: every exposure and every outcome, kept for whoever asks later.

    exposure(), outcome() ──▶ lines in memory ──every second, or MiB──▶ a thread: compress, write, sync

Events are lost rather than waited for: when the disk is full or slower than they come, and the last second's
when the process is killed. What is lost while it runs is counted. Outcomes are durable elsewhere, in the
journal and the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time

import msgspec

from config.server import Capture
from gateway.channel.outcomes import Reported
from gateway.channel.records import Exposure, Line
from gateway.control.event_log.events import (
    NOWHERE,
    Content,
    ExposureEvent,
    OutcomeEvent,
    Place,
    content_text,
)
from gateway.control.event_log.making import exposure_event, line_event, outcome_event
from gateway.control.event_log.redaction import Redaction
from gateway.control.event_log.segments import Segments
from gateway.rhythm import next_moment_or

log = logging.getLogger("headgate.control")

PAUSE = 1.0
"""Seconds between two batches …"""
BATCH = 1024 * 1024
"""… unless as many bytes of lines are held."""
HELD = 16 * 1024 * 1024
"""Bytes of lines held at most; as many may be on their way to the disk."""
STRIDE = 100
"""Events of one line that are encoded at once, and kept or lost together."""
LOOK = 60.0
"""Seconds between two looks at what is too old."""


class EventLog:
    """Belongs to one event loop. Adding costs microseconds and never waits or raises."""

    def __init__(
        self,
        directory: Path,
        capture: Capture,
        dropped: Callable[[int], None],
        *,
        held: int = HELD,
        now: Callable[[], float] = time,
    ) -> None:
        """Touches no file yet. `dropped` is told how many events were lost; `now` is the wall clock."""
        self._segments = Segments(directory, now)
        self._dropped = dropped
        self._bound = held
        self._now = now
        self._lines = bytearray()
        self._count = 0
        self._full = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._looked: float | None = None
        self._lost = 0  # since it could be written last
        self.take(capture)

    def take(self, capture: Capture) -> None:
        """What is captured from now on, and how long it is kept: at the start and after a reload."""
        self.content, self._features = capture.content, capture.features
        self.captures = self.content or self._features
        """Whether anything of prompts and answers (`content`) is captured."""
        self._redaction = Redaction(capture.redact)
        self._segments.retention = capture.retention
        self._segments.max_size = capture.max_size
        self._looked = None

    # ── adding ───────────────────────────────────────────────────────────────────────────────────────

    def exposures(
        self, line: Line, exposures: Sequence[Exposure], content: Callable[[bytes], Content | None]
    ) -> None:
        """Requests have ended; `content` of a request's nonce is asked for when it is captured."""
        begin = line_event(line)
        if not self.captures:
            for start in range(0, len(exposures), STRIDE):
                self._add_all(begin, [exposure_event(one) for one in exposures[start : start + STRIDE]])
            return
        for exposure in exposures:
            event = exposure_event(exposure)
            self._capture(event, content(exposure.nonce))
            self._add(begin, event)

    def _capture(self, event: ExposureEvent, said: Content | None) -> None:
        if self.content:
            event.prompt = content_text(said.prompt, self._redaction) if said else None
            event.answer = content_text(said.answer, self._redaction) if said else None
        if self._features:
            event.features = msgspec.Raw(said.features) if said and said.features else None

    def outcome(
        self, nonce: bytes, time: float, source: str, report: Reported, status: str, place: Place = NOWHERE
    ) -> None:
        """A report has been taken in, at `time` (seconds since 1970); `status` is what became of it."""
        self._add(b"", outcome_event(nonce, time, place, source, report, status, self._redaction))

    def _add_all(self, begin: bytes, events: list[ExposureEvent]) -> None:
        """Adds lines of the same beginning; no line of theirs has a break within."""
        lines = self._lines
        if len(lines) >= self._bound:
            self._lose(len(events), "the disk is too slow")
            return
        lines += begin
        lines += _encode_lines(events)[1:].replace(b"\n{", b"\n" + begin)
        self._count += len(events)
        if len(lines) >= BATCH:
            self._full.set()

    def _add(self, begin: bytes, event: ExposureEvent | OutcomeEvent) -> None:
        """Adds a line; `begin` replaces the event's opening brace."""
        lines = self._lines
        if len(lines) >= self._bound:
            self._lose(1, "the disk is too slow")
            return
        start = len(lines)
        _encode_into(event, lines, -1)
        if begin:
            lines[start : start + 1] = begin
        lines += b"\n"
        self._count += 1
        if len(lines) >= BATCH:
            self._full.set()

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────

    async def keep_up(self) -> None:
        """Writes what is added, and deletes what is too old, for ever."""
        while True:
            await self.flush()
            await next_moment_or(self._full, PAUSE)

    async def flush(self) -> None:
        """Writes what is held. Cancelled, it is written all the same."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
        self._writing = asyncio.create_task(self._write())
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        lines, count = self._lines, self._count
        self._lines, self._count = bytearray(), 0
        self._full.clear()
        try:
            await self._look()
            if lines:
                await asyncio.to_thread(self._segments.write, lines)
        except OSError as error:
            self._lose(count, str(error))
        else:
            if lines and self._lost:
                log.info("the event log is written again; %d events were lost", self._lost)
                self._lost = 0
        finally:
            self._writing = None

    async def _look(self) -> None:
        """Now and then has the directory looked after; that it cannot be need not keep events from it."""
        now = self._now()
        if self._looked is not None and 0 <= now - self._looked < LOOK:
            return
        self._looked = now
        try:
            await asyncio.to_thread(self._segments.tidy)
        except OSError as error:
            log.warning("the event log cannot be looked after: %s", error)

    def _lose(self, count: int, why: str) -> None:
        """Counts, and says so once."""
        self._dropped(count)
        if not self._lost:
            log.error("the event log loses events: %s", why)
        self._lost += count

    async def close(self) -> None:
        """Writes what is held and lets go of the files."""
        while self._writing is not None or self._lines:
            await self.flush()
        self._segments.leave()


_encoder = msgspec.json.Encoder()
_encode_into, _encode_lines = _encoder.encode_into, _encoder.encode_lines
