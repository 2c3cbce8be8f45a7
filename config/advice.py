"""Advice: what is allowed and yet likely to disappoint. Each rule yields warnings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from config.conditions import When
from config.guardrails import OWN, Ratio
from config.prices import Entry, names_ending, price, table_entry
from config.problems import Finding, KeyPath
from config.rollout import Rollout
from config.routes import Route, Timeouts
from config.schema import Config
from config.units import WHOLE, write_duration, write_share
from config.upstreams import VENDORS, LitellmUpstream, SimulatedUpstream, Upstream
from config.variants import Price, Variant

SOON = timedelta(days=90)
"""How long before its retirement a model is worth a warning."""

ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/responses")


def advise(config: Config, today: date) -> Iterator[Finding]:
    """Warnings about a configuration that holds; `today` decides which models are retired."""
    cors = config.server.cors
    if cors is not None and "*" in cors.origins and not config.server.keys:
        message = "without `keys`, any web page that is opened on this machine could use the models"
        yield Finding(("server", "cors", "origins"), message)
    for name, upstream in config.upstreams.items():
        yield from _address(upstream, ("upstreams", name, "base_url"))
    for name, route in config.routes.items():
        yield from _timeouts(route.timeouts, ("routes", name, "timeouts"))
        yield from _fallbacks(route, ("routes", name, "fallbacks"))
        for label, variant in route.variants.items():
            yield from _price(config, variant, ("routes", name, "variants", label))
            yield from _vendor(config, variant, ("routes", name, "variants", label, "model"))
            yield from _retirement(config, variant, ("routes", name, "variants", label, "model"), today)
        for at, segment in enumerate(route.parts):
            place: KeyPath = () if route.segments is None else ("segments", at)
            path = ("routes", name, *place)
            if segment.when is not None:
                yield from _when(route, segment.when, (*path, "when"))
            if segment.rollout is not None:
                yield from _rollout(config, name, route, segment.rollout, (*path, "rollout"))


def _address(upstream: Upstream, path: KeyPath) -> Iterator[Finding]:
    url = None if isinstance(upstream, SimulatedUpstream) else upstream.base_url
    for endpoint in ENDPOINTS:
        if url is not None and url.endswith(endpoint):
            message = f"`{endpoint}` is added to it for every call: most likely it should end before that"
            yield Finding(path, message)
            return


def _timeouts(timeouts: Timeouts, path: KeyPath) -> Iterator[Finding]:
    """The defaults are no promise: only what is written and can never pass."""
    for name in ("connect", "first_token", "idle"):
        if name in timeouts.model_fields_set and getattr(timeouts, name) > timeouts.total:
            message = f"is never reached: `total` ends the request after {write_duration(timeouts.total)}"
            yield Finding((*path, name), message)


def _fallbacks(route: Route, path: KeyPath) -> Iterator[Finding]:
    chosen = {part.variant for part in route.parts}
    for at, name in enumerate(route.fallbacks):
        if chosen == {name}:
            message = f"`{name}` is whom every request asks first, and is not asked again: name another"
            yield Finding((*path, at), message)


def _price(config: Config, variant: Variant, path: KeyPath) -> Iterator[Finding]:
    upstream = config.upstreams[variant.upstream]
    if upstream.provider == "simulated" or price(upstream, variant) is not None:
        return
    if isinstance(variant.price, str):
        message = f"the price table has no entry `{variant.price}`, so its cost is not known"
        yield Finding((*path, "price"), message)
        return
    message = f"`{variant.model}` is unpriced, so its cost is not known: give it a `price`"
    near = names_ending(variant.model)
    yield Finding(path, f"{message}, such as `price: {near}`" if near else message)


def _vendor(config: Config, variant: Variant, path: KeyPath) -> Iterator[Finding]:
    vendor = variant.model.partition("/")[0]
    if isinstance(config.upstreams[variant.upstream], LitellmUpstream) and vendor not in VENDORS:
        known = ", ".join(VENDORS)
        yield Finding(
            path, f"litellm's vendor `{vendor}` has not been tried with Headgate; known are {known}"
        )


def _retirement(config: Config, variant: Variant, path: KeyPath, today: date) -> Iterator[Finding]:
    entry: Entry | None = table_entry(config.upstreams[variant.upstream], variant)
    if entry is None or entry.retired is None or entry.retired - today > SOON:
        return
    verb = "was retired" if entry.retired <= today else "will be retired"
    yield Finding(path, f"`{entry.name}` {verb} on {entry.retired}, as far as the price table knows")


def _when(route: Route, when: When, path: KeyPath) -> Iterator[Finding]:
    if when.gain is not None and route.difficulty.estimate == "none":
        yield Finding((*path, "gain"), "never holds: the route's `difficulty.estimate` is none")
    low, high = route.difficulty.bounds
    for condition in when.conditions:
        if condition.subject != "difficulty" or condition.operator == "exists":
            continue
        bounds = condition.value if condition.operator == "in" else (condition.value,)
        if not all(low <= bound <= high for bound in bounds):
            message = f"lies outside the route's difficulty scale, {low:g} to {high:g}"
            yield Finding((*path, "difficulty", condition.operator), message)


def _rollout(config: Config, name: str, route: Route, rollout: Rollout, path: KeyPath) -> Iterator[Finding]:
    guardrails = rollout.guardrails
    for metric in _unreportable(config, name, route, rollout):
        why = "`outcomes.sample` is 0%" if not route.outcomes.sample else _NO_KEY
        yield Finding((*path, "guardrails", metric), f"nobody can report what it needs: {why}")
    for metric, limits in guardrails.ratios.items():
        yield from _ratio(config, route, rollout, limits, (*path, "guardrails", metric))
    for metric in OWN:
        if getattr(guardrails, metric) is None:
            message = "is off: it rolls nothing back, but promotion waits for it, at the default margin"
            yield Finding((*path, "guardrails", metric), message)
    yield from _bake(rollout, path)


def _bake(rollout: Rollout, path: KeyPath) -> Iterator[Finding]:
    """A last stage of 100 bakes at 100 less the hold-out, which should be above the stage before it."""
    weights = [stage.weight for stage in rollout.stages]
    bake, before = WHOLE - rollout.holdout, weights[-2] if len(weights) > 1 else 0
    if rollout.bake and weights[-1] == WHOLE and bake <= before:
        share, last = write_share(bake), write_share(before)
        message = f"the bake, at {share}, is not above the stage before it, {last}: nobody is compared in it"
        yield Finding((*path, "holdout") if "holdout" in rollout.model_fields_set else path, message)


_NO_KEY = "no key with the scope `outcomes` may use this route"


def _unreportable(config: Config, name: str, route: Route, rollout: Rollout) -> Iterator[str]:
    """The metrics that are on and rest on outcomes that no application can report."""
    keys = config.server.keys
    reporters = any("outcomes" in key.scopes and (key.routes is None or name in key.routes) for key in keys)
    if route.outcomes.sample and (reporters or not keys):
        return
    guardrails = rollout.guardrails
    validated = route.validation == "gateway"
    if guardrails.validation_passed is not None and not validated:
        yield "validation_passed"
    if guardrails.cost_per_success is not None and not validated:
        yield "cost_per_success"
    for metric in ("needs_review", "score"):
        if getattr(guardrails, metric) is not None:
            yield metric


def _ratio(config: Config, route: Route, rollout: Rollout, limits: Ratio, path: KeyPath) -> Iterator[Finding]:
    prices = {}
    for label in (rollout.baseline, rollout.candidate):
        variant = route.variants[label]
        found = price(config.upstreams[variant.upstream], variant)
        if found is None:
            yield Finding(path, f"cannot be measured: the variant `{label}` is unpriced")
            return
        prices[label] = found
    ratio = _least_ratio(prices[rollout.candidate], prices[rollout.baseline])
    if ratio is not None and ratio > limits.max_ratio:
        message = (
            f"the candidate's prices are {ratio:.2f} times the baseline's or more,"
            f" which alone breaks `max_ratio` {limits.max_ratio:g}"
        )
        yield Finding(path, message)


def _least_ratio(candidate: Price, baseline: Price) -> float | None:
    """How many times dearer every part of the candidate's price is; None when they share no part."""
    ratios = []
    for part in ("input", "cached_input", "output", "request"):
        ours, theirs = getattr(candidate, part), getattr(baseline, part)
        if theirs:
            ratios.append(ours / theirs)
    return min(ratios, default=None)
