"""The plan: what an operator wants of a rollout, compiled. `routing.compile` makes it.

Durations are milliseconds, weights and shares basis points; limits are fractions (0.03 for 3 points). A
change of the plan applies from the next look and opens neither an epoch nor a period.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from routing.snapshot import BASIS_POINTS

Mode = Literal["auto", "recommend", "manual"]


class Stage(msgspec.Struct, frozen=True):
    """A planned weight, and what it needs to pass."""

    weight: int
    min_samples: int = 300
    min_duration: int = 24 * 3_600_000
    max_duration: int = 7 * 24 * 3_600_000


class Limits(msgspec.Struct, frozen=True):
    """Extra bad answers Δ: harm is Δ > `harm` at level `alpha`, safe is Δ < `margin` at `promote_alpha`.

    `armed`: whether harm acts. A guardrail that is off may still be needed to promote.
    """

    harm: float
    alpha: float
    margin: float
    promote_alpha: float
    armed: bool = True


class Ratio(msgspec.Struct, frozen=True):
    """A cost metric's limit: the candidate's over the baseline's, at level `alpha`."""

    max_ratio: float
    alpha: float


class Query(msgspec.Struct, frozen=True):
    """A PromQL guardrail: its value stays between the bounds; None: no bound."""

    name: str
    query: str
    min: float | None = None
    max: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`comparisons` and `ratios` by metric. `stages` rise and there is at least one."""

    stages: tuple[Stage, ...]
    mode: Mode = "auto"
    start: Literal["auto", "manual"] = "auto"
    coverage: int = 8_000
    bake: int = 72 * 3_600_000
    holdout: int = 200
    cooldown: int = 3_600_000
    depth: int = 3
    """K: requests of a unit that count, at most."""
    comparisons: Mapping[str, Limits] = {}
    ratios: Mapping[str, Ratio] = {}
    queries: tuple[Query, ...] = ()
    validated: bool = False
    """Whether the gateway's own validators give `validation_passed`, so that no report need be waited for."""
    whole: bool = True
    """Whether the route has no segments, so that the rollout stands on the route itself."""

    @property
    def bakes(self) -> bool:
        """Whether a stage of 100 keeps a hold-out back for a while."""
        return self.bake > 0 and self.holdout > 0

    def served(self, stage: Stage) -> int:
        """The candidate's weight in a stage: one of 100 keeps the hold-out back while it bakes."""
        return BASIS_POINTS - self.holdout if stage.weight == BASIS_POINTS and self.bakes else stage.weight

    def at(self, weight: int) -> int:
        """The index of the last stage at or below a weight, else of the first."""
        below = [index for index, stage in enumerate(self.stages) if stage.weight <= weight]
        return below[-1] if below else 0

    def after(self, weight: int) -> int | None:
        """The index of the first stage above a weight; None: there is none."""
        return next((index for index, stage in enumerate(self.stages) if stage.weight > weight), None)

    def number(self, stage: int) -> int:
        """A stage's number as it is shown: that of the last one, where an edit has left fewer."""
        return min(stage, len(self.stages))

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that tell one plan from another."""
        return blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=8).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the record of a decision."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> Plan:
        """Reads what `to_json` wrote. Raises msgspec.ValidationError."""
        return msgspec.convert(dict(plain), Plan)
