"""A transition: one change of a rollout's phase, stage or weight, as the audit log keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from routing.rollout.document import Document, Period
from routing.rollout.freezing import freeze
from routing.rollout.observed import Observed
from routing.rollout.phases import Cause, IllegalTransition, Phase, legal
from routing.rollout.state import RolloutState
from routing.rollout.verdict import Evaluation

HEADGATE = "headgate"
"""The actor of what nobody asked for."""


@dataclass(frozen=True, slots=True)
class Transition:
    """`time` in ms since 1970; `revision` and `weight` (basis points) are those of the document after it."""

    time: int
    revision: int
    actor: str
    cause: Cause
    before: Phase
    after: Phase
    weight: int
    epoch: int
    period: int
    stage: int
    reasons: tuple[str, ...]

    def to_json(self, when: Callable[[int], Any]) -> dict[str, Any]:
        """An entry of the history, weight in percent; `when` writes a time."""
        return {
            "time": when(self.time),
            "revision": self.revision,
            "actor": self.actor,
            "cause": self.cause,
            "from": self.before,
            "to": self.after,
            "weight": self.weight / 100,
            "epoch": self.epoch,
            "period": self.period,
            "stage": self.stage,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Step:
    """What a look or a command comes to.

    `document` is the one to store: the same object when nothing changed, else with the next revision. A new
    document without a transition notes a frozen reference, a test that passed, or another verdict.
    """

    document: Document
    transition: Transition | None = None
    evaluation: Evaluation | None = None
    verdict_changed: bool = False
    """The verdict, or that of a guardrail, is another one than before: worth an entry of the history."""


def move(
    before: Document, after: Document, cause: Cause, now: int, actor: str, reasons: tuple[str, ...]
) -> Step:
    """From one document to another, which gets the next revision.

    Raises IllegalTransition where the table of phases has no such way.
    """
    if after.phase not in legal(before.phase, cause):
        raise IllegalTransition(f"{cause} does not lead from {before.phase} to {after.phase}")
    after = replace(after, revision=before.revision + 1, recommendation=None)
    transition = Transition(
        now, after.revision, actor, cause, before.phase, after.phase, after.weight, after.epoch,
        after.period.number, after.stage, reasons,
    )  # fmt: skip
    return Step(after, transition)


def weighted(document: Document, weight: int, now: int, observed: Observed) -> Document:
    """The document at another weight, which opens a period; the same one if it has that weight already."""
    if weight == document.weight:
        return document
    number = document.period.number + 1
    used = tuple(period.weight for period in document.periods)
    low, high = RolloutState(weight, earlier=used).compared
    opened = Period(number, weight, low, high, now)
    if low < high:
        opened = replace(opened, frozen=freeze((*document.periods, opened), observed.evidence, now))
    return replace(document, periods=(*document.periods, opened))
