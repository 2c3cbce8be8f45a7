"""Makes events of exposures and of outcomes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from gateway.channel.outcomes import Reported
from gateway.channel.records import Exposure, Line
from gateway.control.event_log.events import ExposureEvent, LineEvent, OutcomeEvent, Place
from gateway.control.event_log.redaction import Redaction
from routing.snapshot import BASIS_POINTS


def line_event(line: Line) -> bytes:
    """The beginning of every event of the line, in place of an opening brace."""
    event = LineEvent(
        line.application, line.route, line.segment, line.variant, line.served, line.reason,
        line.weight / BASIS_POINTS if line.weight else None, line.epoch, line.period, line.reference,
        line.compared, line.stratum, line.status, line.wants_outcome, line.endpoint,
    )  # fmt: skip
    return msgspec.json.encode(event)[:-1] + b","


def exposure_event(exposure: Exposure) -> ExposureEvent:
    """The rest of it."""
    return ExposureEvent(
        exposure.nonce.hex(), moment(exposure.time), exposure.unit.to_bytes(8, "big").hex(),
        exposure.duration,
        exposure.first_token or None, exposure.attempts, exposure.input, exposure.cached_input,
        exposure.output, exposure.reasoning, exposure.cost if exposure.cost >= 0 else None, exposure.items,
    )  # fmt: skip


def outcome_event(
    nonce: bytes, time: float, place: Place, source: str, report: Reported, status: str, redaction: Redaction
) -> OutcomeEvent:
    """`time` in seconds since 1970; the report's reason is the application's word, and redacted."""
    return OutcomeEvent(
        nonce.hex(), moment(time), place.application, place.route, place.segment, place.variant, source,
        status, report.validation_passed, report.needs_review, report.score, report.items,
        None if report.reason is None else redaction.of_text(report.reason),
    )  # fmt: skip


def moment(seconds: float) -> str:
    """A time as it is written everywhere: UTC, with milliseconds."""
    whole = int(seconds)
    return _second(whole) + _MILLISECONDS[int((seconds - whole) * 1000)]


_MILLISECONDS = [f".{number:03d}+00:00" for number in range(1000)]


@lru_cache(maxsize=16)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
