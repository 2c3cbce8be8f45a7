"""Wishes: what the configuration asks of each rollout. The store's document says what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from config.rollout import Rollout
from config.routes import Route
from config.schema import Config
from routing.rollout.document import Document
from routing.rollout.epoch import Identity
from routing.rollout.plan import Limits, Plan, Query, Ratio, Stage
from routing.rollout.state import RolloutState


@dataclass(frozen=True, slots=True)
class Wish:
    """A configured rollout: what it is, its plan, and the URLs that are told of its transitions."""

    identity: Identity
    plan: Plan
    notify: tuple[str, ...]

    @property
    def name(self) -> str:
        """The rollout's name in the store."""
        return name_of(self.identity.route, self.identity.segment)


def name_of(route: str, segment: str) -> str:
    """A rollout's name in the store and in commands."""
    return f"{route}/{segment}"


def wishes_of(config: Config) -> dict[str, Wish]:
    """Every configured rollout by its name."""
    found = {}
    for name, route in config.routes.items():
        for part in route.parts:
            if part.rollout is not None:
                identity = Identity(
                    name, part.name, part.rollout.baseline, part.rollout.candidate,
                    definition_of(route, part.rollout),
                )  # fmt: skip
                notify = tuple(url.get_secret_value() for url in part.rollout.notify)
                plan = plan_of(route, part.rollout, whole=len(route.parts) == 1)
                found[name_of(name, part.name)] = Wish(identity, plan, notify)
    return found


DEFINES = ("upstream", "model", "parameters", "override", "drop", "system")
"""What a variant is, as far as its answers depend on it: a change of it is another attempt."""
ALWAYS = ("errors", "latency_p95")
"""Tested before every promotion, even where they are off: it never rests on what clients tell alone."""


def definition_of(route: Route, rollout: Rollout) -> str:
    """16 hexadecimal digits that tell one pair of variants from another."""
    variants = [
        {name: getattr(route.variants[variant], name) for name in DEFINES if name != "system"}
        | {"system": _system(route, variant)}
        for variant in (rollout.baseline, rollout.candidate)
    ]
    return blake2b(msgspec.json.encode(variants, order="deterministic"), digest_size=8).hexdigest()


def _system(route: Route, variant: str) -> tuple[str, str] | None:
    system = route.variants[variant].system
    return None if system is None else (system.mode, system.text)


def plan_of(route: Route, rollout: Rollout, *, whole: bool) -> Plan:
    """The plan of a configured rollout; `whole`: it stands on the route itself."""
    stages = [
        Stage(stage.weight, stage.min_samples, _ms(stage.min_duration), _ms(stage.max_duration))
        for stage in rollout.stages
    ]
    guardrails = rollout.guardrails
    limits = {
        metric: Limits(one.harm, one.alpha, one.margin, one.promote_alpha)
        for metric, one in guardrails.comparisons.items()
    }
    for metric in ALWAYS:
        if metric not in limits:
            one = type(guardrails).model_fields[metric].default
            limits[metric] = Limits(one.harm, one.alpha, one.margin, one.promote_alpha, armed=False)
    return Plan(
        stages=tuple(stages),
        mode=rollout.mode,
        start=rollout.start,
        coverage=rollout.coverage,
        bake=_ms(rollout.bake),
        holdout=rollout.holdout,
        cooldown=_ms(rollout.cooldown),
        depth=rollout.outcomes_per_unit,
        comparisons=limits,
        ratios={metric: Ratio(one.max_ratio, one.alpha) for metric, one in guardrails.ratios.items()},
        queries=tuple(Query(one.name, one.query, one.min, one.max) for one in guardrails.prometheus),
        validated=bool(route.validators) and route.validation == "gateway",
        whole=whole,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def settled_on(config: Config, document: Document) -> bool:
    """Whether the configuration has taken over what a rollout promoted: the segment is the candidate's."""
    route = config.routes.get(document.route)
    part = next((part for part in route.parts if part.name == document.segment), None) if route else None
    if part is None:
        return False
    if part.rollout is not None:
        return part.rollout.baseline == document.candidate
    return part.variant == document.candidate


def states_of(
    wishes: Iterable[Wish], documents: Mapping[str, Document]
) -> dict[tuple[str, str], RolloutState]:
    """How each rollout is to be compiled.

    Without a document, or while the configuration's variants are not those that the document's epoch is
    about, everything goes to the baseline and nothing is compared: a file, edited or not yet known to every
    replica, moves nobody to a candidate.
    """
    states = {}
    for wish in wishes:
        document = documents.get(wish.name)
        if document is None:
            state = RolloutState(0, epoch=0, period=0)
        elif document.definition != wish.identity.definition:
            state = RolloutState(0, document.epoch, document.period.number)
        else:
            state = document.state
        states[wish.identity.route, wish.identity.segment] = state
    return states
