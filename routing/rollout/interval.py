"""Intervals: where the candidate's extra bad may lie, at any moment."""

from __future__ import annotations

from typing import NamedTuple

from routing.rollout.betting import SIZES, Game, Units, harm, tried

NEEDED = 40.0
"""A bound is ruled out at 1/0.025: twice that chance of error in all, so 95 %."""
STEPS = 24
"""Halvings: to a ten-millionth."""


class Interval(NamedTuple):
    """A 95 % confidence sequence of Δ, the candidate's extra bad: the chance that it *ever* misses is 5 %."""

    lower: float
    upper: float


def ruled_out(bound: float, units: Units, chance: float, sign: int) -> bool:
    """Whether Δ ≤ bound (`sign` 1) or Δ ≥ bound (-1) is ruled out by one period's units."""
    game = harm(bound) if sign > 0 else Game(SIZES, bound, -1)
    return tried(game, units, chance) >= NEEDED


def interval(units: Units, chance: float) -> Interval:
    """All m in [-1, 1] that neither test rules out.

    The capital against Δ ≤ m falls as m grows: X − m falls, and so does the stake. So what is ruled out is
    one piece at either end, and bisection finds where it stops. With one frozen rate the mean of X lies
    between them (Jensen's inequality); strata that contradict each other may make them overlap, and then both
    ends are the middle.
    """
    lower, upper = _edge(units, chance, 1), _edge(units, chance, -1)
    if lower > upper:
        lower = upper = (lower + upper) / 2
    return Interval(lower, upper)


def _edge(units: Units, chance: float, sign: int) -> float:
    """The outermost m on one side that is not ruled out."""
    out, kept = -float(sign), float(sign)
    if not ruled_out(out, units, chance, sign):
        return out
    if ruled_out(kept, units, chance, sign):
        return kept
    for _ in range(STEPS):
        middle = (out + kept) / 2
        if ruled_out(middle, units, chance, sign):
            out = middle
        else:
            kept = middle
    return kept
