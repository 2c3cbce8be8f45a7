"""Endpoints: a variant that cannot serve what is asked for is skipped before assignment.

It cannot when its provider lacks the endpoint, and, for what follows a stored response, when it is at another
upstream than that response.
"""

from __future__ import annotations

from routing.assign import Assignment, bounds_of
from routing.errors import RoutingError, UnknownResponse, UnsupportedEndpoint
from routing.facts import Facts
from routing.snapshot import Cascade, Fixed, Rollout, Route, Segment, Variant, Weights


def serves(variant: Variant, facts: Facts) -> bool:
    """Whether a variant can serve the request."""
    home = facts.home
    return facts.endpoint in variant.endpoints and (home is None or home.upstream == variant.upstream)


def serving(route: Route, segment: Segment, facts: Facts) -> Assignment:
    """The segment's assignment among the variants that can serve the request.

    Itself when all can; else the able ones in their old proportions; without any the variant that made the
    response which is followed, if the route still has it, then the route's first able fallback. Raises
    UnsupportedEndpoint or UnknownResponse when there is none either.
    """
    assignment = segment.assignment
    shares = _shares(assignment)
    able = [(share, variant) for share, variant in shares if serves(variant, facts)]
    if len(able) == len(shares):
        return assignment
    if len(able) > 1 and isinstance(assignment, Weights):
        return Weights(bounds_of(able), assignment.salt)
    made = None if facts.home is None else route.variants.get(facts.home.variant)
    others = route.after[shares[0][1].name] if made is None else (made, *route.after[shares[0][1].name])
    left = [variant for _, variant in able] or [other for other in others if serves(other, facts)]
    if not left:
        raise unserved(facts)
    return Fixed(left[0])


def unserved(facts: Facts) -> RoutingError:
    """Why no variant can serve the request."""
    return UnsupportedEndpoint() if facts.home is None else UnknownResponse()


def fallbacks_of(route: Route, variant: Variant, facts: Facts) -> tuple[Variant, ...]:
    """What is tried after `variant`.

    Embeddings only by the same model: the vectors of two models do not compare.
    """
    after = [other for other in route.after[variant.name] if serves(other, facts)]
    if facts.endpoint == "embeddings":
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
