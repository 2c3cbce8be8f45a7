"""Rules of one route: its variants, segments and difficulty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.names import hash_collisions
from config.problems import Finding, KeyPath
from config.rollout_rules import rollout_findings
from config.routes import Assignment, Range, Route, Segment
from config.schema import Config
from config.units import WHOLE, write_share
from config.upstreams import GeminiUpstream, LitellmUpstream, Upstream


def route_findings(config: Config, route: Route, path: KeyPath) -> Iterator[Finding]:
    """Everything that is wrong with a route at `path`."""
    yield from _variants(config, route, path)
    yield from _segments(config, route, path)
    yield from _fallbacks(route, path)
    yield from _difficulty(route, (*path, "difficulty"))
    if route.validation == "gateway" and not route.validators:
        yield Finding((*path, "validation"), "gateway needs `validators`, and there are none")


def _variants(config: Config, route: Route, path: KeyPath) -> Iterator[Finding]:
    if not route.variants:
        yield Finding((*path, "variants"), "needs at least one variant")
    for name, variant in route.variants.items():
        here = (*path, "variants", name)
        upstream = config.upstreams.get(variant.upstream)
        if upstream is None:
            message = f"there is no upstream `{variant.upstream}`"
            yield Finding((*here, "upstream"), message, needs=("upstreams", variant.upstream))
        else:
            yield from _model(upstream, variant.model, (*here, "model"))
        system = variant.system
        if (
            system is not None
            and sum(it is not None for it in (system.replace, system.prepend, system.file)) != 1
        ):
            yield Finding((*here, "system"), "needs exactly one of `replace`, `prepend` and `file`")
        for field in variant.parameters.keys() & variant.override.keys():
            yield Finding((*here, "override", field), "is in `parameters` too; keep one")
    for name, other in hash_collisions(route.variants):
        message = f"has the same 32-bit hash as `{other}`; rename one of them"
        yield Finding((*path, "variants", name), message)


def _model(upstream: Upstream, model: str, path: KeyPath) -> Iterator[Finding]:
    """Where the name of the model decides what is called."""
    place = model.rpartition("/")[0]
    if isinstance(upstream, LitellmUpstream) and not place:
        yield Finding(path, "must be litellm's name, vendor/model, for an upstream of litellm")
    if isinstance(upstream, GeminiUpstream) and upstream.api == "native":
        if place not in ("", "models", "tunedModels", "gemini"):
            yield Finding(path, "must be the name of a Gemini model")


def _segments(config: Config, route: Route, path: KeyPath) -> Iterator[Finding]:
    if route.segments is None:
        message = "needs one of `variant`, `weights`, `rollout`, `segments`"
        yield from _assignment(config, route, route, path, message)
        return
    if not route.segments:
        yield Finding((*path, "segments"), "needs at least one segment")
    for field in ("variant", "weights", "rollout", "cascade", "shadow"):
        if getattr(route, field) is not None:
            yield Finding((*path, field), "belongs into a segment, because the route has `segments`")
    yield from _segment_names(route.segments, (*path, "segments"))
    for at, segment in enumerate(route.segments):
        here = (*path, "segments", at)
        yield from _when(segment, here, last=at == len(route.segments) - 1)
        message = "needs one of `variant`, `weights`, `rollout`, `cascade`"
        yield from _assignment(config, route, segment, here, message)


def _segment_names(segments: Sequence[Segment], path: KeyPath) -> Iterator[Finding]:
    names = [segment.name for segment in segments]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Finding((*path, at, "name"), f"another segment is called `{name}` already")
    for name, other in hash_collisions(names):
        message = f"`{name}` has the same 32-bit hash as `{other}`; rename one of them"
        yield Finding((*path, names.index(name), "name"), message)


def _when(segment: Segment, path: KeyPath, *, last: bool) -> Iterator[Finding]:
    if last and segment.when is not None:
        message = "the last segment takes all that is left: remove this, or add a segment without `when`"
        yield Finding((*path, "when"), message)
    elif not last and segment.when is None:
        yield Finding(path, "needs `when`: only the last segment takes all that is left")
    elif segment.when is not None and not segment.when.conditions:
        yield Finding((*path, "when"), "needs at least one condition")


def _assignment(
    config: Config, route: Route, part: Assignment, path: KeyPath, none_given: str
) -> Iterator[Finding]:
    given = [name for name in ("variant", "weights", "rollout", "cascade") if getattr(part, name) is not None]
    if not given:
        yield Finding(path, none_given)
    for surplus in given[1:]:
        yield Finding((*path, surplus), f"there is `{given[0]}` already; keep one of them")
    if part.variant is not None:
        yield from _reference(route, path, ("variant",), part.variant)
    if part.weights is not None:
        yield from _weights(route, part.weights, path)
    if part.cascade is not None:
        yield from _cascade(route, part.cascade.first, part.cascade.then, path)
    if part.rollout is not None:
        rollout = part.rollout
        for field, name in (("baseline", rollout.baseline), ("candidate", rollout.candidate)):
            yield from _reference(route, path, ("rollout", field), name)
        yield from rollout_findings(config, rollout, (*path, "rollout"))
    yield from _shadow(route, part, (*path, "shadow"))


def _shadow(route: Route, part: Assignment, path: KeyPath) -> Iterator[Finding]:
    if part.shadow is None:
        return
    variant = part.shadow.variant
    yield from _reference(route, path, ("variant",), variant)
    serving = {part.variant, *(name for name, weight in (part.weights or {}).items() if weight)}
    if part.rollout is not None:
        serving.add(part.rollout.baseline)
    if part.cascade is not None:
        serving.add(part.cascade.first)
    if variant in serving:
        yield Finding((*path, "variant"), f"`{variant}` serves here already; a shadow is another variant")


def _reference(route: Route, path: KeyPath, field: KeyPath, variant: str) -> Iterator[Finding]:
    if variant not in route.variants:
        needs = (*path[:2], "variants", variant)
        yield Finding((*path, *field), f"the route has no variant `{variant}`", needs=needs)


def _weights(route: Route, weights: dict[str, int], path: KeyPath) -> Iterator[Finding]:
    for variant in weights:
        yield from _reference(route, path, ("weights", variant), variant)
    total = sum(weights.values())
    if total != WHOLE:
        yield Finding((*path, "weights"), f"must sum to 100%; they sum to {write_share(total)}")


def _cascade(route: Route, first: str, then: str, path: KeyPath) -> Iterator[Finding]:
    for field, name in (("first", first), ("then", then)):
        yield from _reference(route, path, ("cascade", field), name)
    if first == then:
        yield Finding((*path, "cascade", "then"), "must differ from `first`")
    if not route.validators:
        yield Finding((*path, "cascade"), "needs `validators` on the route, which decide whether to go on")


def _fallbacks(route: Route, path: KeyPath) -> Iterator[Finding]:
    for at, variant in enumerate(route.fallbacks):
        yield from _reference(route, path, ("fallbacks", at), variant)
        if variant in route.fallbacks[:at]:
            yield Finding((*path, "fallbacks", at), f"`{variant}` is listed already")


def _difficulty(route: Route, path: KeyPath) -> Iterator[Finding]:
    difficulty = route.difficulty
    low, high = difficulty.bounds
    if isinstance(difficulty.scale, Range) and low >= high:
        yield Finding((*path, "scale"), "needs a `min` below its `max`")
        return
    if any(left >= right for left, right in zip(difficulty.strata, difficulty.strata[1:], strict=False)):
        yield Finding((*path, "strata"), "must rise")
    for at, bound in enumerate(difficulty.strata):
        if not low < bound <= high:
            yield Finding((*path, "strata", at), f"must lie within the scale, {low:g} to {high:g}")
    if difficulty.default is not None and not low <= difficulty.default <= high:
        yield Finding((*path, "default"), f"must lie within the scale, {low:g} to {high:g}")
