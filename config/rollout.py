"""A rollout: moving a segment's traffic from its baseline to its candidate, stage by stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from config.guardrails import Guardrails
from config.model import Many, Model, PrivateUrl
from config.names import Name
from config.units import Duration, PositiveDuration, Share, Weight

HOUR = 3_600.0
DAY = 86_400.0


class Stage(Model):
    """One planned weight and the evidence it needs; `min_samples` is a floor, not a sample size."""

    weight: Weight
    min_samples: int = Field(default=300, ge=0)
    min_duration: Duration = DAY
    max_duration: Duration = 7 * DAY


def _stage(value: object) -> object:
    return value if isinstance(value, dict | Stage) else {"weight": value}


PlannedStage = Annotated[Stage, BeforeValidator(_stage, json_schema_input_type=Weight | Stage)]
"""A stage, or its weight alone."""


class Rollout(Model):
    """The plan of a rollout. Durations are seconds, shares basis points."""

    baseline: Name
    candidate: Name
    stages: Many[PlannedStage] = Field(json_schema_extra={"minItems": 1})
    mode: Literal["auto", "recommend", "manual"] = "auto"
    start: Literal["auto", "manual"] = "auto"
    attribution_window: Duration = DAY
    outcome_ttl: PositiveDuration = 30 * DAY
    coverage: Share = 8_000
    bake: Duration = 72 * HOUR
    holdout: Share = 200
    cooldown: Duration = HOUR
    outcomes_per_unit: int = Field(default=3, ge=1, le=3)
    notify: Many[PrivateUrl] = ()
    guardrails: Guardrails = Guardrails()
