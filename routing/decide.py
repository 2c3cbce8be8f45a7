"""The decision of a request: resolve the model, find the segment, draw the variant.

    model ── route ──▶ segment ──▶ variant ──▶ fallbacks
         └── upstream/model, with the scope `direct`

The hot path: a few microseconds, no more work than the route's own configuration asks for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from routing.assign import Assigned, Assignment, assign
from routing.decision import Decision
from routing.difficulty.explicit import UNKNOWN
from routing.difficulty.score import score_of
from routing.endpoints import fallbacks_of, serves, serving, unserved
from routing.errors import ForbiddenPin, UnknownModel, UnknownVariant
from routing.facts import Facts
from routing.segments import segment_of
from routing.snapshot import BASIS_POINTS, Cascade, Fixed, Route, Segment, Snapshot, Variant
from routing.sticky import HEADER as STICKY_KEY
from routing.sticky import bucket, check_key

PIN: Final = b"x-headgate-variant"

_model_name: Final = re.compile(r"[A-Za-z0-9._:/@-]{1,256}").fullmatch
"""What may follow `upstream/`: it comes back in a response header."""


def decide(snapshot: Snapshot, facts: Facts) -> Decision:
    """Route, segment, variant and fallbacks of a request: a pure function of the snapshot and the facts.

    Raises the errors of `routing.errors` for requests that cannot be routed.
    """
    route = snapshot.names.get(facts.model)
    if route is None:
        return _direct(snapshot, facts)
    allowed = facts.key.routes
    if allowed is not None and route.name not in allowed:
        raise UnknownModel
    headers, endpoint = facts.headers, facts.endpoint
    if STICKY_KEY in headers:
        check_key(headers[STICKY_KEY])
    difficulty = score_of(route.difficulty, headers, facts.body)
    segment = segment_of(route, facts, difficulty)
    if PIN in headers:
        assigned = _pinned(route, facts)
    elif endpoint == "chat":
        assigned = assign(segment.assignment, facts, route.sticky)
    else:
        assigned = _assign_able(route, segment, facts)
    variant = assigned.variant
    if endpoint == "chat":
        fallbacks = route.after[variant.name]
    else:
        fallbacks = fallbacks_of(route, variant, facts)
    if assigned.reason == "cascade":
        fallbacks = _onward(segment.assignment, fallbacks, facts)
    return Decision(
        route, segment, variant, assigned.reason, fallbacks, assigned.bucket, assigned.weight,
        assigned.key_source, difficulty, assigned.compared, assigned.unit,
        segment.sample == BASIS_POINTS or _sampled(segment, facts.nonce),
    )  # fmt: skip


def _onward(cascade: Assignment, fallbacks: tuple[Variant, ...], facts: Facts) -> tuple[Variant, ...]:
    """What follows a cascade's first variant: its second, then the others."""
    assert isinstance(cascade, Cascade)
    then = cascade.then
    if facts.endpoint == "embeddings" and then.model != cascade.first.model:
        return fallbacks
    return (then, *(one for one in fallbacks if one is not then))


def _assign_able(route: Route, segment: Segment, facts: Facts) -> Assigned:
    """Assigns among the variants that can serve the request."""
    assignment = serving(route, segment, facts)
    assigned = assign(assignment, facts, route.sticky)
    if assignment is not segment.assignment:
        assigned.reason = "unsupported"
    return assigned


def _pinned(route: Route, facts: Facts) -> Assigned:
    """The variant that the caller chose."""
    if "pin" not in facts.key.scopes:
        raise ForbiddenPin
    variant = route.variants.get(facts.headers[PIN].decode("utf-8", "replace"))
    if variant is None:
        raise UnknownVariant
    if not serves(variant, facts):
        raise unserved(facts)
    return Assigned(variant, "pinned", compared="pinned")


def _direct(snapshot: Snapshot, facts: Facts) -> Decision:
    """An upstream's model by its own name, outside all routes: no segments, fallbacks or comparisons."""
    upstream, slash, model = facts.model.partition("/")
    route = snapshot.direct.get(upstream)
    if route is None or "direct" not in facts.key.scopes or _model_name(model) is None:
        raise UnknownModel
    if PIN in facts.headers:
        raise UnknownVariant
    segment = route.segments[0]
    assignment = segment.assignment
    assert isinstance(assignment, Fixed)
    variant = replace(assignment.variant, model=model)
    if not serves(variant, facts):
        raise unserved(facts)
    return Decision(
        route, segment, variant, "direct", (), 0, BASIS_POINTS, "", UNKNOWN, "none", 0, wants_outcome=False
    )


def _sampled(segment: Segment, nonce: bytes) -> bool:
    """Whether this request is in the sample whose outcome is wanted; drawn for each request anew."""
    return bucket(segment.sample_salt, nonce) < segment.sample
