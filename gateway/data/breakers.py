"""The breakers of one worker: one a variant, kept over reloads that leave the variant as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routing.breaker import Breaker
from routing.decision import Decision
from routing.snapshot import Rollout, Route, Snapshot, Variant

Breakers = Mapping[str, Breaker]
"""A route's breakers by variant; empty where the route has none."""
NONE: Final[Breakers] = {}


def breakers_of(
    snapshot: Snapshot, previous: Mapping[str, Breakers], before: Snapshot | None
) -> dict[str, Breakers]:
    """The breakers of every route that has some; `previous` are those of the snapshot `before`."""
    return {
        name: {key: _kept(route, variant, previous, before) for key, variant in route.variants.items()}
        for name, route in snapshot.routes.items()
        if route.breaker is not None
    }


def _kept(
    route: Route, variant: Variant, previous: Mapping[str, Breakers], before: Snapshot | None
) -> Breaker:
    """The variant's breaker so far, if it still stands for the same model under the same rule."""
    assert route.breaker is not None
    breaker = previous.get(route.name, NONE).get(variant.name)
    if breaker is not None and before is not None and breaker.rule == route.breaker:
        old = before.routes[route.name].variants[variant.name]
        if (old.upstream, old.model) == (variant.upstream, variant.model):
            return breaker
    return Breaker(route.breaker)


def open_ones(snapshot: Snapshot, breakers: Mapping[str, Breakers]) -> list[tuple[str, str]]:
    """Upstream and name of the variants whose breaker is not closed."""
    return [
        (snapshot.routes[route].variants[name].upstream, name)
        for route, variants in breakers.items()
        for name, breaker in variants.items()
        if not breaker.closed
    ]


def failing(breakers: Mapping[str, Breakers]) -> list[tuple[str, str, int]]:
    """Route, variant and failed probes of every breaker of which one has failed since it opened."""
    return [
        (route, name, breaker.failed_probes)
        for route, variants in breakers.items()
        for name, breaker in variants.items()
        if breaker.failed_probes
    ]


def outside(decision: Decision, breakers: Breakers) -> Decision:
    """The decision, outside its rollout's comparison while a breaker of either variant is not closed."""
    assignment = decision.segment.assignment
    if not breakers or decision.compared != "compared" or type(assignment) is not Rollout:
        return decision
    if breakers[assignment.baseline.name].closed and breakers[assignment.candidate.name].closed:
        return decision
    return decision.outside("breaker", wants_outcome=decision.wants_outcome)
