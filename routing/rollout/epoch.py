"""Epochs: how an attempt begins, the first one and each one after it."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from routing.rollout.document import Document, Period, Reference
from routing.rollout.freezing import freeze
from routing.rollout.observed import NOTHING, Observed
from routing.rollout.plan import Plan
from routing.rollout.stages import enter
from routing.rollout.transition import HEADGATE, Step, Transition, move


class Identity(NamedTuple):
    """Which rollout, and what its two variants are: hashes that change when one of them does."""

    route: str
    segment: str
    baseline: str
    candidate: str
    baseline_hash: str
    candidate_hash: str

    @property
    def definition(self) -> str:
        """Both hashes, as the document keeps them."""
        return f"{self.baseline_hash}-{self.candidate_hash}"


def first_epoch(identity: Identity, plan: Plan, now: int, *, revision: int = 1, epoch: int = 1) -> Step:
    """The document of a rollout that the store does not know, and the transition that opens it."""
    document = _opened(identity, plan, now, epoch, None)
    document = replace(document, revision=revision)
    reasons = ("the configuration has a rollout that is not known yet",)
    transition = Transition(
        now, revision, HEADGATE, "started", "pending", document.phase, document.weight, epoch,
        document.period.number, document.stage, reasons,
    )  # fmt: skip
    return Step(document, transition)


def redefined(
    document: Document,
    identity: Identity,
    plan: Plan,
    now: int,
    *,
    actor: str = HEADGATE,
    observed: Observed = NOTHING,
) -> Step:
    """Opens a new epoch: the variants are others than the document's, or asked for anew once settled.

    Unchanged when the epoch is about them. During the cool-down the new epoch waits in `pending(cooldown)`
    and begins by itself. `observed` is of the epoch that ends: what is known of an unchanged baseline is
    kept.
    """
    if document.about(identity.definition):
        return Step(document)
    same = identity.baseline_hash == document.definition.partition("-")[0]
    known = freeze(document.periods, observed.evidence, now, new_epoch=True) if same else None
    until = document.cooldown_until or 0
    after = _opened(identity, plan, now, document.epoch + 1, known, until if until > now else None)
    anew = identity.definition == document.definition
    reason = "the same rollout anew, after it was settled" if anew else "other variants than before"
    return move(document, after, "definition", now, actor, (f"the configuration has {reason}",))


def again(document: Document, plan: Plan, now: int, observed: Observed) -> Document:
    """The document at the beginning of the next epoch of the same variants; a person asked for it."""
    hashes = document.definition.partition("-")
    identity = Identity(
        document.route, document.segment, document.baseline, document.candidate, hashes[0], hashes[2]
    )
    known = freeze(document.periods, observed.evidence, now, new_epoch=True)
    plan = replace(plan, start="auto")
    return _opened(identity, plan, now, document.epoch + 1, known)


def settle(document: Document, now: int, *, actor: str = HEADGATE) -> Step:
    """The configuration says what was promoted: no epoch, no change of weight. Unchanged if it did before."""
    if not document.unsettled:
        return Step(document)
    reasons = (f"the configuration serves `{document.candidate}` by itself",)
    return move(document, replace(document, settled=True), "settled", now, actor, reasons)


def _opened(
    identity: Identity,
    plan: Plan,
    now: int,
    epoch: int,
    known: Reference | None,
    cooldown_until: int | None = None,
) -> Document:
    """The first document of an epoch: in its first stage, or waiting for a person or the cool-down."""
    waiting = Document(
        route=identity.route,
        segment=identity.segment,
        baseline=identity.baseline,
        candidate=identity.candidate,
        definition=identity.definition,
        revision=0,
        epoch=epoch,
        phase="pending",
        phase_reason="start",
        since=now,
        stage=1,
        periods=(Period(1, 0, 0, 0, now),),
        clock=now,
        cooldown_until=cooldown_until,
    )
    if plan.start == "manual":
        return waiting
    if cooldown_until is not None:
        return replace(waiting, phase_reason="cooldown")
    begun = enter(waiting, plan, 0, now, NOTHING)
    first = replace(begun.period, number=1)
    if first.chance:
        first = replace(first, frozen=known)
    return replace(begun, periods=(first,))
