"""Assignment: which variant of its segment a request gets, by a sticky lot."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from routing.facts import Facts
from routing.snapshot import BASIS_POINTS, Cascade, Fixed, Rollout, Variant, Weights
from routing.sticky import draw, sticky_key

Assignment = Fixed | Weights | Rollout | Cascade


class Assigned:
    """A variant, and the lot that chose it; the fields are those of the decision."""

    def __init__(
        self,
        variant: Variant,
        reason: str,
        bucket: int = 0,
        weight: int = BASIS_POINTS,
        key_source: str = "",
        compared: str = "none",
        unit: int = 0,
    ) -> None:
        self.variant = variant
        self.reason = reason
        self.bucket = bucket
        self.weight = weight
        self.key_source = key_source
        self.compared = compared
        self.unit = unit


def assign(assignment: Assignment, facts: Facts, sticky: tuple[str, ...]) -> Assigned:
    """The variant for this request: a pure function of salt and sticky key."""
    if isinstance(assignment, Fixed):
        return Assigned(assignment.variant, "variant")
    if isinstance(assignment, Cascade):
        return Assigned(assignment.first, "cascade")
    key, source = sticky_key(sticky, facts)
    lot, unit = draw(assignment.salt, key)
    if isinstance(assignment, Weights):
        variant, weight = weighted(assignment, lot)
        return Assigned(variant, "weights", lot, weight, source, "none", unit)
    compared = "compared" if assignment.low <= lot < assignment.high else "carried"
    weight = assignment.weight
    if lot < weight:
        return Assigned(assignment.candidate, "rollout", lot, weight, source, compared, unit)
    return Assigned(assignment.baseline, "rollout", lot, BASIS_POINTS - weight, source, compared, unit)


def weighted(weights: Weights, lot: int) -> tuple[Variant, int]:
    """The variant whose share a bucket falls into, and that share in basis points."""
    index = bisect_right(weights.bounds, lot, key=itemgetter(0))
    bound, variant = weights.bounds[index]
    return variant, bound - (weights.bounds[index - 1][0] if index else 0)


def bounds_of(shares: list[tuple[int, Variant]]) -> tuple[tuple[int, Variant], ...]:
    """Rising bounds up to exactly 10,000 from shares of any positive sum, in proportion."""
    total = sum(share for share, _ in shares)
    bounds, below = [], 0
    for share, variant in shares:
        if share:
            below += share
            bounds.append((below * BASIS_POINTS // total, variant))
    return tuple(bounds)
