"""Wishes: what the configuration asks of each rollout. The store's document says what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config.schema import Config
from routing.compile_plan import compile_plan, identity_of
from routing.rollout.document import Document
from routing.rollout.epoch import Identity
from routing.rollout.plan import Plan
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
                wish = Wish(
                    identity_of(name, route, part),
                    compile_plan(route, part.rollout),
                    tuple(url.get_secret_value() for url in part.rollout.notify),
                )
                found[wish.name] = wish
    return found


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
    about (a settled promotion is about none any more), everything goes to the baseline and nothing is
    compared: a file, edited or not yet known to every replica, moves nobody to a candidate.
    """
    states = {}
    for wish in wishes:
        document = documents.get(wish.name)
        if document is None:
            state = RolloutState(0, epoch=0, period=0)
        elif not document.about(wish.identity.definition):
            state = RolloutState(0, document.epoch, document.period.number)
        else:
            state = document.state
        states[wish.identity.route, wish.identity.segment] = state
    return states
