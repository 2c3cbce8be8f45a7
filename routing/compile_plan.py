"""From a validated configuration to the plan of a rollout, and to what identifies its two variants.

Apart from `routing.compile`, because workers know nothing of plans.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from config import guardrails, rollout, routes
from routing.rollout.epoch import Identity
from routing.rollout.plan import Limits, Plan, Query, Ratio, Stage


def compile_plan(route: routes.Route, wish: rollout.Rollout) -> Plan:
    """The plan of a rollout of `route`."""
    return Plan(
        stages=tuple(
            Stage(stage.weight, stage.min_samples, _ms(stage.min_duration), _ms(stage.max_duration))
            for stage in wish.stages
        ),
        mode=wish.mode,
        start=wish.start,
        coverage=wish.coverage,
        bake=_ms(wish.bake),
        holdout=wish.holdout,
        cooldown=_ms(wish.cooldown),
        depth=wish.outcomes_per_unit,
        comparisons={
            metric: _limits(metric, limits, wish.guardrails)
            for metric, limits in wish.guardrails.needed.items()
        },
        ratios={
            metric: Ratio(limit.max_ratio, limit.alpha) for metric, limit in wish.guardrails.ratios.items()
        },
        queries=tuple(Query(one.name, one.query, one.min, one.max) for one in wish.guardrails.prometheus),
        validated=route.validation == "gateway" and bool(route.validators),
        whole=route.segments is None,
    )


def _limits(metric: str, limits: guardrails.Comparison, wish: guardrails.Guardrails) -> Limits:
    """Of a metric that promotion waits for; one that is switched off rolls nothing back."""
    armed = metric in wish.comparisons
    return Limits(limits.harm, limits.alpha, limits.margin, limits.promote_alpha, armed)


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def identity_of(name: str, route: routes.Route, segment: routes.Segment) -> Identity:
    """What identifies the rollout of a segment; raises ValueError where there is none.

    A variant is its name, which requests under way carry as a hash, and its upstream, model, parameters,
    override, drop and system prompt. Prices and whatever else concerns no answer may change.
    """
    if segment.rollout is None:
        raise ValueError("the segment has no rollout")
    names = segment.rollout.baseline, segment.rollout.candidate
    return Identity(name, segment.name, *names, *(_hash(route, variant) for variant in names))


def _hash(route: routes.Route, name: str) -> str:
    variant = route.variants[name]
    system = None if variant.system is None else (variant.system.mode, variant.system.text)
    what = (
        name,
        variant.upstream,
        variant.model,
        variant.parameters,
        variant.override,
        sorted(variant.drop),
        system,
    )
    return blake2b(msgspec.json.encode(what, order="deterministic"), digest_size=8).hexdigest()
