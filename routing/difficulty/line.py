"""Lines: functions made of straight pieces, between knots that rise."""

from __future__ import annotations

from bisect import bisect_right

Line = tuple[tuple[float, ...], tuple[float, ...]]
"""Rising knots and the value at each; constant before the first and behind the last."""


def at(line: Line, place: float) -> float:
    """The value of a line at a place."""
    knots, values = line
    above = bisect_right(knots, place)
    if not above:
        return values[0]
    if above == len(knots):
        return values[-1]
    left = knots[above - 1]
    share = (place - left) / (knots[above] - left)
    return values[above - 1] + share * (values[above] - values[above - 1])


def inverse(line: Line) -> Line:
    """The line the other way round; its values have to rise."""
    knots, values = line
    return values, knots
