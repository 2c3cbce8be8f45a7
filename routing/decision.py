"""The decision: what routing says of one request."""

from __future__ import annotations

from dataclasses import dataclass

from routing.snapshot import Route, Segment, Variant


@dataclass(frozen=True, slots=True)
class Score:
    """A request's difficulty: `value` is None when unknown; `source` says where it came from.

    `source` is `header`, `metadata.FIELD`, `default` or `none`; `invalid` is true when an explicit rating
    was given and ignored (reason `rating_invalid`).
    """

    value: float | None
    source: str
    stratum: str
    invalid: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Route, segment, variant, why, and what to try after it.

    `reason` is `rollout`, `weights`, `variant`, `cascade`, `pinned` or `direct`. `bucket` is 0 … 9999;
    `weight` the assigned variant's share of its segment in basis points; `key_source` the sticky source
    that was used, or `request`. `compared` is `compared`, or why the request stands outside the
    comparison: `pinned`, `carried`, `breaker`, `none` (no rollout).
    """

    route: Route
    segment: Segment
    variant: Variant
    reason: str
    fallbacks: tuple[Variant, ...]
    bucket: int
    weight: int
    key_source: str
    difficulty: Score
    compared: str
    unit: int
    """The keyed 64-bit unit hash of the sticky key."""
    wants_outcome: bool
