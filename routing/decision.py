"""The decision: what routing says of one request.

A msgspec struct and a named tuple, because one of each is made for every request: a frozen dataclass takes
twenty times as long as the one and five times as long as the other.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from routing.snapshot import Route, Segment, Variant


class Score(NamedTuple):
    """A request's difficulty: `value` is None when unknown; `source` says where it came from.

    `source` is `header`, `metadata.FIELD`, `estimate`, `default` or `none`; `stratum_index` is 0 for the
    stratum `none`, then 1 for the easiest; `invalid` is true when an explicit rating was given and ignored
    (reason `rating_invalid`). `task` and `gain` are there where the text was looked at: `gain` is the figure
    on the estimator's own scale that `gain` conditions go by. `reason` says why there is no estimate where
    one was wanted: `no_text`, `failed` or `no_model`.
    """

    value: float | None
    source: str
    stratum: str
    stratum_index: int = 0
    invalid: bool = False
    task: str = ""
    gain: float | None = None
    reason: str = ""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Route, segment, variant, why, and what to try after it.

    `reason` is `rollout`, `weights`, `variant`, `cascade`, `unsupported`, `pinned` or `direct`. `bucket` is
    0 … 9999 and `weight` the assigned variant's share of its segment in basis points; where nothing was
    drawn they are 0 and 10,000. `key_source` is the sticky source that was used, `request` when there was
    none, and empty where nothing was drawn. `compared` is `compared`, or why the request stands outside the
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
    """The keyed 64-bit unit hash of the sticky key; 0 where nothing was drawn."""
    wants_outcome: bool


COMPARED = ("none", "compared", "carried", "pinned", "breaker")
"""Every value of `Decision.compared`; the request id carries its index, so new ones go to the end."""
