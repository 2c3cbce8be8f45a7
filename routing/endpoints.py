"""Endpoints: a variant that cannot serve the one that is asked for is skipped before assignment."""

from __future__ import annotations

from routing.assign import Assignment, bounds_of
from routing.errors import UnsupportedEndpoint
from routing.snapshot import Cascade, Fixed, Rollout, Route, Segment, Variant, Weights


def serving(route: Route, segment: Segment, endpoint: str) -> Assignment:
    """The segment's assignment among the variants that can serve `endpoint`.

    Itself when all can; else the able ones in their old proportions; without any the route's first able
    fallback. Raises UnsupportedEndpoint when there is none either.
    """
    assignment = segment.assignment
    shares = _shares(assignment)
    able = [(share, variant) for share, variant in shares if endpoint in variant.endpoints]
    if len(able) == len(shares):
        return assignment
    if len(able) > 1 and isinstance(assignment, Weights):
        return Weights(bounds_of(able), assignment.salt)
    after = route.after[shares[0][1].name]
    left = [variant for _, variant in able] or [other for other in after if endpoint in other.endpoints]
    if not left:
        raise UnsupportedEndpoint
    return Fixed(left[0])


def fallbacks_of(route: Route, variant: Variant, endpoint: str) -> tuple[Variant, ...]:
    """What is tried after `variant`.

    Embeddings only by the same model: the vectors of two models do not compare.
    """
    after = [other for other in route.after[variant.name] if endpoint in other.endpoints]
    if endpoint == "embeddings":
        after = [other for other in after if other.model == variant.model]
    return tuple(after)


def _shares(assignment: Assignment) -> list[tuple[int, Variant]]:
    """The variants among which is assigned, with their shares where these matter."""
    if isinstance(assignment, Weights):
        bounds = [bound for bound, _ in assignment.bounds]
        return [
            (bound - below, variant)
            for below, (bound, variant) in zip([0, *bounds], assignment.bounds, strict=False)
        ]
    if isinstance(assignment, Rollout):
        variants = (
            (assignment.baseline, assignment.candidate) if assignment.weight else (assignment.baseline,)
        )
        return [(0, variant) for variant in variants]
    if isinstance(assignment, Cascade):
        return [(0, assignment.first), (0, assignment.then)]
    return [(0, assignment.variant)]
