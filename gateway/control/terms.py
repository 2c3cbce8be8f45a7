"""Terms: what the outcomes of each segment are held to, by what a request id says of route and segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.schema import Config
from routing.rollout.document import Document
from routing.snapshot import Rollout, Route, Segment, Snapshot, Variant

MILLISECONDS = 1_000
NO_DOCUMENTS: Mapping[str, Document] = {}
MONTH = 30 * 86_400.0
"""Seconds in which an outcome may come where no rollout says otherwise."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One segment's. `window` and `ttl` in milliseconds from the request on.

    `rollout` is `route/segment` and `document` where it stands; empty, and None, where there is none, or
    before its first epoch; then `epoch` is 0. `depth` is the outcomes a unit; `by_gateway` says whose
    `validation_passed` counts.
    """

    route: Route
    segment: Segment
    rollout: str = ""
    epoch: int = 0
    candidate: Variant | None = None
    depth: int = 3
    window: int = 0
    ttl: int = int(MONTH * MILLISECONDS)
    by_gateway: bool = False
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class AllTerms:
    """Every segment's, by the names of route and segment, and by the hashes of these names.

    `applications` are names by their hashes.
    """

    by_name: Mapping[tuple[str, str], Terms]
    by_hash: Mapping[tuple[int, int], Terms]
    applications: Mapping[int, str]


def terms_of(
    config: Config, snapshot: Snapshot, documents: Mapping[str, Document] = NO_DOCUMENTS
) -> AllTerms:
    """The terms of every segment that is being served, those of direct requests included."""
    found = [
        _terms(config, documents, route, at)
        for route in snapshot.routes.values()
        for at, _ in enumerate(route.segments)
    ]
    found += [Terms(route, segment) for route in snapshot.direct.values() for segment in route.segments]
    return AllTerms(
        {(terms.route.name, terms.segment.name): terms for terms in found},
        {(terms.route.hash, terms.segment.hash): terms for terms in found},
        {key.application_hash: key.application for key in snapshot.keys.values()},
    )


def _terms(config: Config, documents: Mapping[str, Document], route: Route, at: int) -> Terms:
    wish = config.routes[route.name]
    segment, plan = route.segments[at], wish.parts[at].rollout
    by_gateway = wish.validation == "gateway"
    document = documents.get(f"{route.name}/{segment.name}")
    if plan is None or not isinstance(segment.assignment, Rollout) or document is None:
        return Terms(route, segment, by_gateway=by_gateway)
    return Terms(
        route, segment, document.name, segment.assignment.epoch,
        route.variants[plan.candidate], plan.outcomes_per_unit,
        int(plan.attribution_window * MILLISECONDS), int(plan.outcome_ttl * MILLISECONDS),
        by_gateway, document,
    )  # fmt: skip
