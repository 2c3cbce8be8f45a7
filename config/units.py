"""Units: how durations, sizes, shares and points are written, and the plain numbers they become.

written             becomes                   for example
──────────────────────────────────────────────────────────────
duration            float, seconds            300ms 10s 5m 24h 7d
size                int, bytes                512B 32KiB 20MiB 1GiB
share               int, basis points         80% 0.5%
weight              int, basis points         10 12.5 10%
points              float, a fraction of 1    2pt 0.5pt
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

WHOLE = 10_000
"""All of it, in basis points."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,12})(B|KiB|MiB|GiB|TiB)")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?) ?%")
_POINTS = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?) ?(?:pt|points?)")


def duration(written: object) -> float:
    """Seconds. Raises ValueError."""
    match = _DURATION.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise ValueError("must be a duration: a whole number and ms, s, m, h or d, such as 30s")
    return int(match[1]) * _SECONDS[match[2]]


def size(written: object) -> int:
    """Bytes. Raises ValueError."""
    match = _SIZE.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise ValueError("must be a size: a whole number and B, KiB, MiB, GiB or TiB, such as 20MiB")
    return int(match[1]) * _BYTES[match[2]]


def share(written: object) -> int:
    """Basis points, 0 … 10,000, of a percentage with its sign. Raises ValueError."""
    match = _SHARE.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise ValueError("must be a percentage with its sign, such as 80%")
    return _basis_points(Decimal(match[1]))


def weight(written: object) -> int:
    """Basis points, 0 … 10,000, of a percentage with or without its sign. Raises ValueError."""
    if isinstance(written, int | float) and not isinstance(written, bool):
        return _basis_points(Decimal(str(written)))
    if isinstance(written, str) and _SHARE.fullmatch(written):
        return share(written)
    raise ValueError("must be a weight: a share of traffic in percent, such as 10 or 12.5")


def points(written: object) -> float:
    """A fraction of 1, of percentage points. Raises ValueError."""
    if written == 0 and isinstance(written, int) and not isinstance(written, bool):
        return 0.0
    match = _POINTS.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise ValueError("must be percentage points, such as 2pt or 0.5pt")
    fraction = Decimal(match[1]) / 100
    if fraction > 1:
        raise ValueError("must be at most 100pt")
    return float(fraction)


def _basis_points(percent: Decimal) -> int:
    if not 0 <= percent <= 100:
        raise ValueError("must lie between 0 and 100 percent")
    scaled = percent * 100
    if scaled != int(scaled):
        raise ValueError("has more than two decimals; the resolution of a share is 0.01 percent")
    return int(scaled)


def write_duration(seconds: float) -> str:
    """The shortest way to write a duration: `90s`, `24h`, `300ms`."""
    thousandths = round(seconds * 1_000)
    for unit in ("d", "h", "m", "s"):
        step = round(_SECONDS[unit] * 1_000)
        if thousandths and thousandths % step == 0:
            return f"{thousandths // step}{unit}"
    return f"{thousandths}ms" if thousandths else "0s"


def write_size(number: int) -> str:
    """The shortest way to write a size: `20MiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if number and number % _BYTES[unit] == 0:
            return f"{number // _BYTES[unit]}{unit}"
    return f"{number}B"


def percent(basis_points: int) -> float | int:
    """The number to write before a percent sign: 10, 12.5."""
    return basis_points // 100 if basis_points % 100 == 0 else basis_points / 100


def write_share(basis_points: int) -> str:
    """A share with its sign: `80%`."""
    return f"{percent(basis_points)}%"


def write_points(fraction: float) -> str:
    """Percentage points: `2pt`, `0.5pt`."""
    return f"{round(fraction * 100, 10):g}pt"


def _written(
    read: Callable[[object], Any], write: Callable[[Any], Any], **schema: Any
) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    """A value that is read from how people write it, and written so again in JSON."""
    return BeforeValidator(read), PlainSerializer(write, when_used="json"), WithJsonSchema(schema)


def _pattern(expression: re.Pattern[str]) -> str:
    return f"^{expression.pattern}$"


Duration = Annotated[float, *_written(duration, write_duration, type="string", pattern=_pattern(_DURATION))]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Size = Annotated[int, *_written(size, write_size, type="string", pattern=_pattern(_SIZE))]
PositiveSize = Annotated[Size, Field(gt=0)]
Share = Annotated[int, *_written(share, write_share, type="string", pattern=_pattern(_SHARE))]
Weight = Annotated[
    int,
    *_written(
        weight,
        percent,
        anyOf=[
            {"type": "number", "minimum": 0, "maximum": 100},
            {"type": "string", "pattern": _pattern(_SHARE)},
        ],
    ),
]
Points = Annotated[
    float,
    *_written(points, write_points, anyOf=[{"type": "string", "pattern": _pattern(_POINTS)}, {"const": 0}]),
]
