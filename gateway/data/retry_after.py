"""How long an upstream asked to wait: seconds, milliseconds or a date (RFC 9110, 10.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite


def retry_after(headers: Mapping[bytes, bytes], now: float) -> float | None:
    """Seconds from `now` (wall clock); 0 for a moment that has passed, None when nothing readable is said."""
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            seconds = _until(value, now)
        if isfinite(seconds):
            return max(seconds, 0.0)
    return None


def _until(value: bytes, now: float) -> float:
    """Seconds until an HTTP date; NaN for what is none."""
    try:
        date = parsedate_to_datetime(value.decode("ascii"))
    except ValueError:
        return float("nan")
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
