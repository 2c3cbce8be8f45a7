"""The decision: what routing says of one request."""

from __future__ import annotations

from typing import Final

from routing.snapshot import Route, Segment, Variant


class Score:
    """A request's difficulty: `value` is None when unknown; `source` says where it came from.

    `source` is `header`, `metadata.FIELD`, `estimate`, `default` or `none`; `stratum_index` is 0 for the
    stratum `none`, then 1 for the easiest; `invalid` is true when an explicit rating was given and ignored
    (reason `rating_invalid`). `task` and `gain` are there where the text was looked at: `gain` is the figure
    on the estimator's own scale that `gain` conditions go by. `reason` says why there is no estimate where
    one was wanted: `no_text`, `failed` or `no_model`.
    """

    def __init__(
        self,
        value: float | None,
        source: str,
        stratum: str,
        stratum_index: int = 0,
        invalid: bool = False,
        task: str = "",
        gain: float | None = None,
        reason: str = "",
    ) -> None:
        self.value = value
        self.source = source
        self.stratum = stratum
        self.stratum_index = stratum_index
        self.invalid = invalid
        self.task = task
        self.gain = gain
        self.reason = reason

    def beside(self, task: str, gain: float | None, reason: str = "") -> Score:
        """The same, with what was found where the text was looked at."""
        return Score(
            self.value, self.source, self.stratum, self.stratum_index, self.invalid, task, gain, reason
        )


class Decision:
    """Route, segment, variant, why, and what to try after it.

    `reason` is `rollout`, `weights`, `variant`, `cascade`, `unsupported`, `pinned` or `direct`. `bucket` is
    0 … 9999 and `weight` the assigned variant's share of its segment in basis points; where nothing was
    drawn they are 0 and 10,000. `key_source` is the sticky source that was used, `request` when there was
    none, and empty where nothing was drawn. `compared` is `compared`, or why the request stands outside the
    comparison: `pinned`, `carried`, `breaker`, `none` (no rollout). `unit` is the keyed 64-bit unit hash of
    the sticky key; 0 where nothing was drawn.
    """

    def __init__(
        self,
        route: Route,
        segment: Segment,
        variant: Variant,
        reason: str,
        fallbacks: tuple[Variant, ...],
        bucket: int,
        weight: int,
        key_source: str,
        difficulty: Score,
        compared: str,
        unit: int,
        wants_outcome: bool,
    ) -> None:
        self.route = route
        self.segment = segment
        self.variant = variant
        self.reason = reason
        self.fallbacks = fallbacks
        self.bucket = bucket
        self.weight = weight
        self.key_source = key_source
        self.difficulty = difficulty
        self.compared = compared
        self.unit = unit
        self.wants_outcome = wants_outcome

    def outside(self, compared: str, *, wants_outcome: bool) -> Decision:
        """The same, standing outside the comparison for the reason `compared`."""
        return Decision(
            self.route, self.segment, self.variant, self.reason, self.fallbacks, self.bucket, self.weight,
            self.key_source, self.difficulty, compared, self.unit, wants_outcome,
        )  # fmt: skip


COMPARED: Final = ("none", "compared", "carried", "pinned", "breaker")
"""Every value of `Decision.compared`; the request id carries its index, so new ones go to the end."""
