"""Epochs: how an attempt begins, the first one and each one after it."""

from __future__ import annotations

from typing import NamedTuple

from routing.rollout.document import Document
from routing.rollout.observed import NOTHING, Observed
from routing.rollout.plan import Plan
from routing.rollout.transition import HEADGATE, Step


class Identity(NamedTuple):
    """Which rollout, and a hash of what its variants are: `routing.compile.identity_of`."""

    route: str
    segment: str
    baseline: str
    candidate: str
    definition: str


def first_epoch(identity: Identity, plan: Plan, now: int, *, revision: int = 1) -> Step:
    """The document of a rollout that the store does not know, and the transition that opens it."""
    raise NotImplementedError


def redefined(
    document: Document,
    identity: Identity,
    plan: Plan,
    now: int,
    *,
    actor: str = HEADGATE,
    observed: Observed = NOTHING,
) -> Step:
    """Opens a new epoch, because the variants are others than those of the document.

    Unchanged when they are the same. During the cool-down the new epoch waits in `pending(cooldown)` and
    begins by itself. `observed` is of the epoch that ends: what is known of an unchanged baseline is kept.
    """
    raise NotImplementedError


def settle(document: Document, now: int, *, actor: str = HEADGATE) -> Step:
    """The configuration says what was promoted: no epoch, no change of weight. Unchanged if it did before."""
    raise NotImplementedError
