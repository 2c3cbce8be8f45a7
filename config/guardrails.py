"""Guardrails: the limits that can hold or roll back a rollout, with each metric's defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, field_serializer

from config.model import Many, Model, Text
from config.names import Name
from config.units import Points

Level = Annotated[float, Field(gt=0, lt=0.5)]
"""A chance of error."""


class Comparison(Model):
    """Extra bad answers of the candidate: rolled back above `harm`, promoted when below `margin`.

    `harm` and `margin` are fractions (0.03 for 3 points); `alpha` is the chance of a false rollback in an
    epoch, `promote_alpha` that of a false promotion in a period. The defaults are those of
    `validation_passed` and `score`.
    """

    harm: Points = 0.0
    alpha: Level = 0.02
    margin: Points = 0.03
    promote_alpha: Level = 0.05


class Review(Comparison):
    """With the defaults of `needs_review`."""

    alpha: Level = 0.01
    margin: Points = 0.02


class Failure(Comparison):
    """With the defaults of `errors`."""

    harm: Points = 0.005
    alpha: Level = 0.01
    margin: Points = 0.01


class Slowness(Comparison):
    """With the defaults of the latencies: answers slower than the baseline's frozen p95."""

    harm: Points = 0.025
    alpha: Level = 0.005
    margin: Points = 0.05


class Ratio(Model):
    """The candidate's cost over the baseline's: above `max_ratio`, at level `alpha`, the rollout pauses."""

    max_ratio: float = Field(default=1.10, gt=0, le=1_000)
    alpha: Level = 0.02


class Query(Model):
    """A PromQL query whose value must stay between `min` and `max`; at least one is given."""

    name: Name
    query: Text
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)


def _switch(value: object) -> object:
    if value == "off":
        return None
    if value is None:
        raise ValueError("must be off, on, or a mapping of limits")
    return {} if value == "on" else value


_Switch = Literal["off", "on"]

# `off` is None; `on`, or a part of the limits, takes the rest from the metric's defaults.
Compared = Annotated[Comparison | None, BeforeValidator(_switch, json_schema_input_type=_Switch | Comparison)]
Reviewed = Annotated[Review | None, BeforeValidator(_switch, json_schema_input_type=_Switch | Review)]
Failed = Annotated[Failure | None, BeforeValidator(_switch, json_schema_input_type=_Switch | Failure)]
Slowed = Annotated[Slowness | None, BeforeValidator(_switch, json_schema_input_type=_Switch | Slowness)]
Costed = Annotated[Ratio | None, BeforeValidator(_switch, json_schema_input_type=_Switch | Ratio)]

COMPARED = (
    "validation_passed", "needs_review", "errors", "score", "latency_p95", "time_to_first_token_p95",
)  # fmt: skip
COSTS = ("cost_per_request", "cost_per_success")
OWN = ("errors", "latency_p95")
"""Metrics that the gateway measures itself. Promotion always waits for them, so that it never rests on what
clients report alone; switched off, they roll nothing back."""


class Guardrails(Model):
    """A limit per metric; None is off."""

    validation_passed: Compared = Comparison()
    needs_review: Reviewed = None
    errors: Failed = Failure()
    score: Compared = None
    latency_p95: Slowed = Slowness()
    time_to_first_token_p95: Slowed = None
    cost_per_request: Costed = None
    cost_per_success: Costed = None
    prometheus: Many[Query] = ()

    @field_serializer(*COMPARED, *COSTS, mode="wrap", when_used="json")
    def _written(self, limits: Model | None, write: SerializerFunctionWrapHandler) -> object:
        return "off" if limits is None else write(limits)

    @property
    def comparisons(self) -> dict[str, Comparison]:
        """The metrics tested for extra bad answers that are on."""
        return {metric: getattr(self, metric) for metric in COMPARED if getattr(self, metric) is not None}

    @property
    def needed(self) -> dict[str, Comparison]:
        """What promotion waits for: the metrics that are on, and the gateway's own by their defaults."""
        usual = Guardrails()
        return {
            metric: getattr(usual if getattr(self, metric) is None else self, metric)
            for metric in COMPARED
            if metric in OWN or getattr(self, metric) is not None
        }

    @property
    def ratios(self) -> dict[str, Ratio]:
        """The cost metrics that are on."""
        return {metric: getattr(self, metric) for metric in COSTS if getattr(self, metric) is not None}
