"""Routes: the public model names, and how each resolves to variants."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    field_serializer,
)

from config.conditions import When
from config.files import watched
from config.model import Many, Model
from config.names import ModelName, Name
from config.rollout import Rollout
from config.units import PositiveDuration, Share, Weight
from config.validators import Validator
from config.variants import Variant

STICKY = ("header", "metadata.headgate_key", "safety_identifier", "user", "conversation")
"""Where the sticky key is looked for, in order, when a route does not say."""

_PLACES = frozenset({"header", "safety_identifier", "user", "conversation"})


def _metadata_field(value: str) -> bool:
    return value.startswith("metadata.") and 9 < len(value) <= 73


def _sticky_source(value: str) -> str:
    if value not in _PLACES and not _metadata_field(value):
        raise ValueError("must be header, metadata.FIELD, safety_identifier, user or conversation")
    return value


def _rating_source(value: str) -> str:
    if value != "header" and not _metadata_field(value):
        raise ValueError("must be header or metadata.FIELD")
    return value


def _estimator(value: str, info: ValidationInfo) -> str:
    if value in ("none", "heuristic"):
        return value
    if not value.endswith(".json"):
        raise ValueError(
            "must be none, heuristic, or the path of a model from `headgate difficulty train` (.json)"
        )
    return str(watched(value, info))


class Range(Model):
    """A difficulty scale of one's own."""

    min: float = Field(allow_inf_nan=False)
    max: float = Field(allow_inf_nan=False)


SCALES = {"codeforces": (800.0, 3500.0), "baekjoon": (1.0, 30.0), "label": (1.0, 3.0)}
"""The named scales' lowest and highest values; labels are easy 1, medium 2, hard 3."""


def _scale_form(value: Any) -> str:
    return "name" if isinstance(value, str) else "range"


Scale = Annotated[
    Annotated[Literal["codeforces", "baekjoon", "label"], Tag("name")] | Annotated[Range, Tag("range")],
    Discriminator(_scale_form),
]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Difficulty(Model):
    """A route's difficulty scale, and where a request's difficulty comes from."""

    model_config = ConfigDict(serialize_by_alias=True)

    scale: Scale = "codeforces"
    from_: Many[Annotated[str, AfterValidator(_rating_source)]] = Field(default=("header",), alias="from")
    estimate: Annotated[str, AfterValidator(_estimator)] = "none"
    default: Finite | None = None
    strata: Many[Finite] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The scale's lowest and highest values."""
        return (self.scale.min, self.scale.max) if isinstance(self.scale, Range) else SCALES[self.scale]


class Cascade(Model):
    """Ask `first`; when its answer does not validate, `then`."""

    first: Name
    then: Name


class Shadow(Model):
    """Copies `percent` of what is answered to `variant`; `concurrency` copies at a time, in each worker."""

    variant: Name
    percent: Weight
    concurrency: int = Field(default=8, ge=1, le=1_000)


class Assignment(Model):
    """How a slice of traffic gets its variant: exactly one of these; a `shadow` may be there besides."""

    variant: Name | None = None
    weights: dict[Name, Weight] | None = None
    rollout: Rollout | None = None
    cascade: Cascade | None = None
    shadow: Shadow | None = None


class Segment(Assignment):
    """An ordered slice of a route's traffic; the last of a route has no `when`."""

    name: Name
    when: When | None = None


class Timeouts(Model):
    """Seconds. `first_token` and `idle` concern streams; `total` is the whole request with its fallbacks."""

    connect: PositiveDuration = 5.0
    first_token: PositiveDuration = 60.0
    idle: PositiveDuration = 60.0
    total: PositiveDuration = 600.0


class Breaker(Model):
    """When a variant is not called for a while: `errors` in a row, or `ratio` of at least `requests`."""

    errors: int = Field(default=3, ge=1, le=1_000)
    ratio: Share = 2_500
    requests: int = Field(default=30, ge=1, le=1_000_000)
    pause: PositiveDuration = 1.0
    longest_pause: PositiveDuration = 60.0


def _breaker(value: object) -> object:
    if value == "off":
        return None
    if value is None:
        raise ValueError("must be off, or a mapping of limits")
    return value


class Outcomes(Model):
    """The share of requests, in basis points, whose outcome is wanted."""

    sample: Share = 10_000


class Route(Assignment):
    """A public model name. Without segments its own assignment makes one, named `all`."""

    names: Many[ModelName] = ()
    variants: dict[Name, Variant] = Field(json_schema_extra={"minProperties": 1})
    segments: Many[Segment] | None = None
    sticky: Many[Annotated[str, AfterValidator(_sticky_source)]] = STICKY
    difficulty: Difficulty = Difficulty()
    fallbacks: Many[Name] = ()
    timeouts: Timeouts = Timeouts()
    retries: int = Field(default=1, ge=0, le=10)
    retry_ambiguous: bool = False
    breaker: Annotated[
        Breaker | None, BeforeValidator(_breaker, json_schema_input_type=Literal["off"] | Breaker)
    ] = Breaker()
    validators: Many[Validator] = ()
    validation: Literal["gateway", "application"] = Field(
        default_factory=lambda data: "gateway" if data.get("validators") else "application"
    )
    outcomes: Outcomes = Outcomes()

    @field_serializer("breaker", mode="wrap", when_used="json")
    def _written(self, rule: Breaker | None, write: SerializerFunctionWrapHandler) -> object:
        return "off" if rule is None else write(rule)

    @property
    def parts(self) -> tuple[Segment, ...]:
        """The segments; a route without any has one, named `all`."""
        if self.segments is not None:
            return self.segments
        # Not validated once more: weights are basis points by now.
        whole = Segment.model_construct(
            name="all",
            variant=self.variant,
            weights=self.weights,
            rollout=self.rollout,
            cascade=self.cascade,
            shadow=self.shadow,
        )
        return (whole,)
