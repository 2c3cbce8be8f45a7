"""From a validated configuration to the snapshot that workers serve.

Whatever can be worked out once is worked out here: salts, hashes, bounds, prices a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from config import conditions, prices, rollout, routes, schema, server, upstreams, variants
from config.files import Document
from config.names import name_hash
from routing.assign import Assignment, bounds_of
from routing.compile_difficulty import compile_difficulty
from routing.difficulty.estimate import Estimator
from routing.rollout.state import RolloutState
from routing.snapshot import (
    BASIS_POINTS,
    ENDPOINTS,
    NATIVE,
    BreakerRule,
    Cascade,
    Condition,
    Cors,
    Fixed,
    Key,
    Limits,
    Passthrough,
    Price,
    Rollout,
    Route,
    Segment,
    Shadow,
    Snapshot,
    System,
    Timeouts,
    Upstream,
    Variant,
    Weights,
)

NO_ESTIMATORS: Mapping[str, Estimator] = {}
NO_ROLLOUTS: Mapping[tuple[str, str], RolloutState] = {}
MILLION = 1_000_000

SERVES = {
    "gemini": frozenset(("chat", "embeddings")),
    NATIVE: frozenset(("chat",)),
    "litellm": frozenset(("chat",)),
}
"""The endpoints of providers that lack some of them."""


def compile_snapshot(
    config: schema.Config,
    *,
    revision: int,
    signing_keys: tuple[bytes, ...],
    unit_key: bytes,
    rollouts: Mapping[tuple[str, str], RolloutState] = NO_ROLLOUTS,
    estimators: Mapping[str, Estimator] = NO_ESTIMATORS,
) -> Snapshot:
    """The snapshot of a configuration.

    `unit_key` is the deployment secret behind salts and unit hashes, at most 64 bytes. `rollouts` says, by
    route and segment, where each rollout stands; one that is not there begins with the first stage
    of its plan, or with nothing when it starts by hand. `estimators` are those of `difficulty.estimate`, by
    what is written there.
    """
    compiler = _Compiler(config, unit_key, rollouts, estimators)
    compiled = {name: compiler.route(name, route) for name, route in config.routes.items()}
    limits, cors = config.server.limits, config.server.cors
    return Snapshot(
        revision=revision,
        routes=compiled,
        names={name: route for route in compiled.values() for name in (route.name, *route.names)},
        upstreams={name: _upstream(name, upstream) for name, upstream in config.upstreams.items()},
        keys={bytes.fromhex(key.hash.removeprefix("sha256:")): _key(key) for key in config.server.keys},
        signing_keys=signing_keys,
        limits=Limits(
            limits.body, limits.headers, limits.header_time, limits.body_idle, limits.keep_alive,
            limits.connections, limits.concurrency,
        ),
        content=config.capture.content,
        features=config.capture.features,
        cors=None if cors is None else Cors(frozenset(cors.origins), cors.max_age),
        response_headers=config.server.response_headers,
        lame_duck=config.server.lame_duck,
        drain=config.server.drain,
        passthrough=_passthrough(config.passthrough),
        direct={
            name: _direct(name, upstream)
            for name, upstream in config.upstreams.items()
            if _directly(name, upstream, config)
        },
    )  # fmt: skip


class _Compiler:
    """Compiles routes; holds what all of them need."""

    def __init__(
        self,
        config: schema.Config,
        unit_key: bytes,
        rollouts: Mapping[tuple[str, str], RolloutState],
        estimators: Mapping[str, Estimator],
    ) -> None:
        self._config = config
        self._unit_key = unit_key
        self._rollouts = rollouts
        self._estimators = estimators

    def route(self, name: str, route: routes.Route) -> Route:
        compiled = {key: self._variant(key, variant) for key, variant in route.variants.items()}
        capture = self._config.capture
        return Route(
            name=name,
            hash=name_hash(name),
            names=route.names,
            variants=compiled,
            segments=tuple(self._segment(name, route, part, compiled) for part in route.parts),
            fallbacks=tuple(compiled[fallback] for fallback in route.fallbacks),
            sticky=route.sticky,
            difficulty=compile_difficulty(
                route, self._estimators, shown=self._config.server.response_headers == "full"
            ),
            timeouts=Timeouts(
                route.timeouts.connect, route.timeouts.first_token, route.timeouts.idle, route.timeouts.total
            ),
            retries=route.retries,
            retry_ambiguous=route.retry_ambiguous,
            breaker=_breaker(route.breaker),
            captures=bool(route.validators) or capture.content or capture.features,
            judged=bool(route.validators),
        )

    def _variant(self, name: str, variant: variants.Variant) -> Variant:
        upstream = self._config.upstreams[variant.upstream]
        return Variant(
            name=name,
            hash=name_hash(name),
            upstream=variant.upstream,
            model=variant.model,
            price=_price(prices.price(upstream, variant)),
            parameters=_named(variant.parameters, variant),
            override=_named(variant.override, variant),
            drop=variant.drop,
            rename=tuple(variant.rename.items()),
            system=None if variant.system is None else System(variant.system.mode, variant.system.text),
            endpoints=_endpoints(upstream),
        )

    def _segment(
        self, route_name: str, route: routes.Route, segment: routes.Segment, compiled: dict[str, Variant]
    ) -> Segment:
        clauses = segment.when.conditions if segment.when is not None else ()
        percent = self._salt("percent", route_name, segment.name)
        return Segment(
            name=segment.name,
            hash=name_hash(segment.name),
            conditions=tuple(_condition(clause, percent) for clause in clauses),
            assignment=self._assignment(route_name, route, segment, compiled),
            sample=route.outcomes.sample,
            sample_salt=self._salt("outcomes", route_name, segment.name),
            shadow=self._shadow(route_name, segment, compiled),
        )

    def _assignment(
        self, name: str, route: routes.Route, segment: routes.Segment, compiled: dict[str, Variant]
    ) -> Assignment:
        if segment.rollout is not None:
            return self._rollout(name, segment.name, segment.rollout, compiled)
        if segment.weights is not None:
            shares = [(weight, compiled[variant]) for variant, weight in segment.weights.items()]
            return Weights(bounds_of(shares), self._salt("weights", name, segment.name))
        if segment.cascade is not None:
            first, then = compiled[segment.cascade.first], compiled[segment.cascade.then]
            checks = checks_of(route)
            return Cascade(first, then, msgspec.msgpack.encode(checks), len(checks))
        assert segment.variant is not None
        return Fixed(compiled[segment.variant])

    def _rollout(
        self, route: str, segment: str, plan: rollout.Rollout, compiled: dict[str, Variant]
    ) -> Rollout:
        state = self._rollouts.get((route, segment)) or RolloutState(_first_weight(plan))
        low, high = state.compared
        return Rollout(
            baseline=compiled[plan.baseline],
            candidate=compiled[plan.candidate],
            weight=state.weight,
            salt=self._salt("rollout", route, segment, state.epoch),
            epoch=state.epoch,
            period=state.period,
            reference=state.reference,
            low=low,
            high=high,
            rolled_back=state.rolled_back,
        )

    def _shadow(self, route: str, segment: routes.Segment, compiled: dict[str, Variant]) -> Shadow | None:
        """None where there is none, or its share is nothing."""
        shadow = segment.shadow
        if shadow is None or not shadow.percent:
            return None
        salt = self._salt("shadow", route, segment.name)
        return Shadow(compiled[shadow.variant], shadow.percent, salt, shadow.concurrency)

    def _salt(self, domain: str, route: str, segment: str, epoch: int = 0) -> bytes:
        """A salt of its own for every purpose, so that one lot tells nothing of another."""
        text = f"{route}\0{segment}\0{epoch}".encode()
        return blake2b(text, digest_size=32, key=self._unit_key, person=domain.encode()).digest()


def checks_of(route: routes.Route) -> list[tuple[str, dict[str, Any]]]:
    """The route's validators as plain data: each its type and its arguments."""
    return [
        (
            validator.type,
            {
                info.alias or name: _plain(getattr(validator, name))
                for name, info in type(validator).model_fields.items()
                if name != "type"
            },
        )
        for validator in route.validators
    ]


def _plain(value: Any) -> Any:
    """Schemas stay text: MessagePack has no numbers of their length."""
    return json.dumps(value.content) if isinstance(value, Document) else value


def _first_weight(plan: rollout.Rollout) -> int:
    """The weight with which a rollout begins. A stage of 100 is the bake, which keeps its hold-out back."""
    if plan.start == "manual":
        return 0
    weight = plan.stages[0].weight
    if weight == BASIS_POINTS and plan.bake > 0:
        return BASIS_POINTS - plan.holdout
    return weight


def _condition(clause: conditions.Condition, percent: bytes) -> Condition:
    salt = percent if clause.subject == "percent" else b""
    return Condition(clause.subject, clause.name, clause.operator, clause.value, salt)


def _breaker(rule: routes.Breaker | None) -> BreakerRule | None:
    if rule is None:
        return None
    return BreakerRule(rule.errors, rule.ratio, rule.requests, rule.pause, rule.longest_pause)


def _named(fields: Mapping[str, Any], variant: variants.Variant) -> dict[str, Any]:
    """The operator's fields as the upstream knows them: dropped and renamed like the client's."""
    return {
        variant.rename.get(name, name): value for name, value in fields.items() if name not in variant.drop
    }


def _price(price: variants.Price | None) -> Price | None:
    """USD a token, from USD a million."""
    if price is None:
        return None
    return Price(price.input / MILLION, price.cached_input / MILLION, price.output / MILLION, price.request)


def _passthrough(passed: server.Passthrough | None) -> Passthrough | None:
    if passed is None:
        return None
    return Passthrough(passed.upstream, frozenset(passed.paths), passed.body)


def _key(key: server.Key) -> Key:
    return Key(
        name=key.name,
        application=key.application,
        application_hash=name_hash(key.application),
        scopes=frozenset(key.scopes),
        routes=None if key.routes is None else frozenset(key.routes),
    )


def _provider(upstream: upstreams.Upstream) -> str:
    """The adapter that speaks to an upstream."""
    native = isinstance(upstream, upstreams.GeminiUpstream) and upstream.api == "native"
    return NATIVE if native else upstream.provider


def _upstream(name: str, upstream: upstreams.Upstream) -> Upstream:
    if isinstance(upstream, upstreams.SimulatedUpstream):
        return Upstream(name, upstream.provider, options=_behaviour(upstream))
    api_key = "" if upstream.api_key is None else upstream.api_key.get_secret_value()
    if isinstance(upstream, upstreams.LitellmUpstream):
        return Upstream(
            name,
            upstream.provider,
            upstream.base_url or "",
            api_key,
            headers=_revealed(upstream.headers),
            ca_file="" if upstream.ca_file is None else str(upstream.ca_file),
        )
    provider = _provider(upstream)
    return Upstream(
        name=name,
        provider=provider,
        base_url=upstreams.native_url(upstream.base_url) if provider == NATIVE else upstream.base_url,
        api_key=api_key,
        headers=_revealed(upstream.headers),
        query=_revealed(upstream.query),
        ca_file="" if upstream.ca_file is None else str(upstream.ca_file),
        ask_usage=upstream.ask_usage,
    )


def _revealed(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value.get_secret_value()) for name, value in values.items())


def _directly(name: str, upstream: upstreams.Upstream, config: schema.Config) -> bool:
    """Whether requests may name `upstream/model`.

    Not where litellm picks the host by the model's name, so that a key reaches no host but its own; and
    where litellm would have to be loaded, only if a variant has it loaded.
    """
    provider = _provider(upstream)
    if provider == "litellm":
        return False
    used = (variant.upstream for route in config.routes.values() for variant in route.variants.values())
    return provider != NATIVE or name in used


def _endpoints(upstream: upstreams.Upstream) -> frozenset[str]:
    """What the upstream serves: what it is said to, or what its provider can."""
    if isinstance(upstream, upstreams.OpenAIUpstream):
        return frozenset(upstream.endpoints)
    return SERVES.get(_provider(upstream), ENDPOINTS)


def _behaviour(upstream: upstreams.SimulatedUpstream) -> dict[str, Any]:
    """The options of the simulated provider; shares become fractions."""
    return {
        "latency_median": upstream.latency.median,
        "latency_p95": upstream.latency.p95,
        "tokens_per_second": upstream.tokens_per_second,
        "error_rate": upstream.error_rate / BASIS_POINTS,
        "pass_rate": tuple((rating, share / BASIS_POINTS) for rating, share in upstream.pass_rate),
        "book": "" if upstream.book is None else str(upstream.book),
        "seed": upstream.seed,
    }


def _direct(upstream: str, written: upstreams.Upstream) -> Route:
    """The route of requests for `upstream/model`.

    Its name has a `*`, which no configured name may have, and stands for every model in metrics: labels come
    from the configuration, never from clients.
    """
    name = f"{upstream}/*"
    endpoints = _endpoints(written)
    variant = Variant(name=name, hash=name_hash(name), upstream=upstream, model="", endpoints=endpoints)
    segment = Segment(name="all", hash=name_hash("all"), conditions=(), assignment=Fixed(variant), sample=0)
    return Route(name=name, hash=name_hash(name), names=(), variants={name: variant}, segments=(segment,))
