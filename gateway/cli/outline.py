"""The outline of a configuration: what `headgate check` shows of it, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from config.conditions import Condition
from config.prices import price
from config.rollout import Rollout, Stage
from config.routes import Route, Segment, Shadow
from config.schema import Config
from config.units import percent, write_share
from routing.rollout.census import HELD_TO_P95
from routing.rollout.freezing import ENOUGH
from routing.rollout.planning import USUAL_RATES, units_to_promote
from routing.rollout.state import RolloutState
from routing.snapshot import BASIS_POINTS

SECONDS_A_DAY = 86_400.0


def outline(config: Config, rate: float | None) -> dict[str, Any]:
    """Routes with their segments, shares and prices, and what each rollout still needs.

    `rate` is in requests a second of each rollout's segment; without it there are no days.
    """
    routes = list(config.routes.items())
    return {
        "routes": [_route(config, name, route) for name, route in routes],
        "rollouts": [
            _rollout(name, segment, rate)
            for name, route in routes
            for segment in route.parts
            if segment.rollout is not None
        ],
    }


def _route(config: Config, name: str, route: Route) -> dict[str, Any]:
    return {
        "route": name,
        "names": list(route.names),
        "variants": {label: _variant(config, route, label) for label in route.variants},
        "segments": [_segment(segment) for segment in route.parts],
        "fallbacks": list(route.fallbacks),
    }


def _variant(config: Config, route: Route, label: str) -> dict[str, Any]:
    variant = route.variants[label]
    found = price(config.upstreams[variant.upstream], variant)
    return {
        "upstream": variant.upstream,
        "model": variant.model,
        "price": None if found is None else found.model_dump(),
    }


def _segment(segment: Segment) -> dict[str, Any]:
    kind, shares = _shares(segment)
    conditions = segment.when.conditions if segment.when is not None else ()
    return {
        "segment": segment.name,
        "conditions": [_condition(condition) for condition in conditions],
        "kind": kind,
        "shares": {label: percent(share) for label, share in shares.items()},
        "then": None if segment.cascade is None else segment.cascade.then,
        "shadow": _shadow(segment.shadow),
    }


def _shadow(shadow: Shadow | None) -> dict[str, Any] | None:
    return None if shadow is None else {"variant": shadow.variant, "percent": percent(shadow.percent)}


def _shares(segment: Segment) -> tuple[str, dict[str, int]]:
    """How a segment's traffic is shared at first, in basis points."""
    if segment.rollout is not None:
        weight = _first_weight(segment.rollout)
        return "rollout", {
            segment.rollout.baseline: BASIS_POINTS - weight,
            segment.rollout.candidate: weight,
        }
    if segment.weights is not None:
        return "weights", segment.weights
    if segment.cascade is not None:
        return "cascade", {segment.cascade.first: BASIS_POINTS}
    assert segment.variant is not None
    return "variant", {segment.variant: BASIS_POINTS}


def _first_weight(plan: Rollout) -> int:
    return 0 if plan.start == "manual" else _served(plan, plan.stages[0])


def _served(plan: Rollout, stage: Stage) -> int:
    """The candidate's share in a stage: one of 100 keeps the hold-out back while it bakes."""
    bakes = stage.weight == BASIS_POINTS and plan.bake > 0
    return stage.weight - plan.holdout if bakes else stage.weight


def _condition(condition: Condition) -> str:
    subject = f"{condition.subject}.{condition.name}" if condition.name else condition.subject
    return f"{subject} {condition.operator} {_value(condition)}"


def _value(condition: Condition) -> str:
    value = condition.value
    if condition.subject in ("gain", "percent"):
        return write_share(value)
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rollout(route: str, segment: Segment, rate: float | None) -> dict[str, Any]:
    plan = segment.rollout
    assert plan is not None
    return {
        "route": route,
        "segment": segment.name,
        "baseline": plan.baseline,
        "candidate": plan.candidate,
        "mode": plan.mode,
        "stages": list(_stages(plan, rate)),
    }


def _stages(plan: Rollout, rate: float | None) -> Iterator[dict[str, Any]]:
    """What each stage needs to pass: units of both variants together, and days.

    A stage of 100 bakes. The first stage waits until the baseline's p95s are frozen.
    """
    earlier: list[int] = []
    for stage in plan.stages:
        weight = _served(plan, stage)
        low, high = RolloutState(weight, earlier=tuple(earlier)).compared
        earlier.append(weight)
        if stage.weight == BASIS_POINTS:
            needs = [_lasting("bake", plan.bake if plan.holdout else 0.0)]
        else:
            chance = (weight - low) / (high - low)
            freezing = 0 if earlier[:-1] else ceil(ENOUGH / (1 - chance))
            units = _units(plan, stage, chance, (high - low) / BASIS_POINTS, rate, freezing)
            needs = [_lasting("min_duration", stage.min_duration), *units]
        yield {"weight": percent(weight), "compared": percent(high - low), "needs": needs}


def _lasting(name: str, seconds: float) -> dict[str, Any]:
    return {"metric": name, "units": None, "days": seconds / SECONDS_A_DAY}


def _units(
    plan: Rollout, stage: Stage, chance: float, compared: float, rate: float | None, freezing: int
) -> Iterator[dict[str, Any]]:
    """The units that each guardrail needs, and the days in which a segment of `rate` sees as many.

    `chance` is that of a compared unit to be on the candidate, `compared` the share that is compared,
    `freezing` the units until the baseline's p95s are frozen.
    """
    needed = {"min_samples": ceil(stage.min_samples / chance)} | {
        metric: units_to_promote(limits.margin, USUAL_RATES[metric], chance, limits.promote_alpha)
        for metric, limits in plan.guardrails.needed.items()
    }
    for metric, units in needed.items():
        units += freezing if metric in HELD_TO_P95 else 0
        days = None if rate is None else units / compared / rate / SECONDS_A_DAY
        yield {"metric": metric, "units": units, "days": days}
