"""A transition: one change of a rollout's phase, stage or weight, as the audit log keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routing.rollout.document import Document
from routing.rollout.phases import Cause, Phase
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

    def to_json(self) -> dict[str, Any]:
        """An entry of the history; weight in percent."""
        raise NotImplementedError


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
