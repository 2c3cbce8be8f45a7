"""Words: numbers, times, metrics, phases and causes as people read them.

Shapes and words carry every meaning; colour only helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

UNKNOWN = "–"

METRICS = {
    "validation_passed": "passed validation",
    "needs_review": "needed a review",
    "errors": "ended in an error",
    "score": "mean score",
    "latency_p95": "slower than the baseline's p95",
    "time_to_first_token_p95": "began later than the baseline's p95",
    "cost_per_request": "cost of a request",
    "cost_per_success": "cost of a success",
}
"""What the shown share of a metric is a share of; a PromQL guardrail goes by its name."""

SIGNS: Mapping[str, tuple[str, str]] = {
    "pending": ("○", "cyan"),
    "running": ("◌", "cyan"),
    "paused": ("‖", "yellow"),
    "inconclusive": ("?", "yellow"),
    "baking": ("◍", "cyan"),
    "promoted": ("✔", "green"),
    "rolled_back": ("✖", "red"),
}
"""A sign and a colour for each phase …"""
VERDICTS: Mapping[str, tuple[str, str]] = {
    "pass": ("✔", "green"),
    "fail": ("✖", "red"),
    "inconclusive": ("…", "yellow"),
}
"""… and for each verdict."""

WHY: Mapping[str, str] = {
    "start": "waits to be resumed, as configured",
    "cooldown": "waits until the cool-down is over, then begins by itself",
    "manual": "by hand",
    "harm": "the candidate was shown to do harm",
    "query": "a PromQL guardrail was outside its bounds",
    "breaker": "the candidate did not answer any more",
    "baseline_failing": "the baseline fails as well: look at the upstreams first",
    "no_outcomes": "no outcome has come: look at what the application reports",
    "cost": "the candidate costs more than max_ratio allows",
    "end_of_plan": "the last planned stage has passed",
    "timeout": "the time is over and the evidence decides nothing",
    "abort": "by hand",
    "undo": "by hand",
}
"""A phase's reason."""


def percent(share: float | None) -> str:
    """A share, 0 … 1: `91.0 %`; below 1 % with two decimals."""
    if share is None:
        return UNKNOWN
    if share in (0, 1):
        return "100 %" if share else "0 %"
    return f"{share * 100:.{2 if share < 0.00995 else 1}f} %"


def weight(value: float) -> str:
    """A weight, which is in percent already: `12.5 %`."""
    return f"{value:g} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign: `-4.0`, `+0.25`."""
    scaled = round(difference * 100, 2) + 0.0  # no "-0.0"
    return f"{scaled:+.{2 if 0 < abs(scaled) < 1 else 1}f}"


def count(number: float) -> str:
    """`5,400`."""
    return f"{number:,.0f}"


def evidence(value: float) -> str:
    """An E-value: three figures suffice, and beyond a million its size."""
    if value >= 1e6:
        return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    if value >= 100:
        return count(value)
    return f"{value:.3g}" if value >= 0.001 else "< 0.001"


def usd(cost: float | None) -> str:
    """A cost in USD, to three figures: `$0.00123`."""
    if cost is None:
        return UNKNOWN
    return f"${cost:.2f}" if cost >= 10 else f"${_plain(cost)}"


def _plain(number: float) -> str:
    """Three figures without an exponent."""
    if number == 0:
        return "0"
    digits = max(0, 2 - int(f"{number:e}".partition("e")[2]))
    return f"{number:.{digits}f}"


def duration(seconds: float) -> str:
    """The one or two largest units: `2 d 4 h`, `2 h 13 min`, `13 min`, `45 s`."""
    left = max(0, round(seconds))
    if left < 60:
        return f"{left} s"
    if left < 3_600:
        return f"{left // 60} min"
    (large, length), (small, part) = (
        (("h", 3_600), ("min", 60)) if left < 86_400 else (("d", 86_400), ("h", 3_600))
    )
    rest = left % length // part
    return f"{left // length} {large}" + (f" {rest} {small}" if rest else "")


def moment(text: object) -> datetime | None:
    """A time of the admin API; None when it is none."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def clock(text: object) -> str:
    """A time of the admin API, in UTC to the second: `2026-11-21 12:00:03`."""
    time = moment(text)
    return str(text) if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def said(word: str) -> str:
    """`rolled_back` as people write it."""
    return word.replace("_", " ")


def phase(value: str, reason: str | None) -> str:
    """`paused (no outcomes)`."""
    return f"{said(value)} ({said(reason)})" if reason else said(value)
