"""Commands: what people ask of a rollout."""

from __future__ import annotations

from routing.rollout.document import Document
from routing.rollout.observed import NOTHING, Observed
from routing.rollout.phases import Cause
from routing.rollout.plan import Plan
from routing.rollout.transition import Step


def command(
    document: Document,
    plan: Plan,
    action: Cause,
    now: int,
    *,
    actor: str,
    reason: str = "",
    weight: int | None = None,
    full: bool = False,
    observed: Observed = NOTHING,
) -> Step:
    """Does what is asked for: `promote pause resume abort retry undo set_weight`.

    `weight` (basis points) belongs to `set_weight`, `full` to `promote`. The evidence in `observed` lets a
    new period freeze its reference at once; without it the next look does. Raises IllegalTransition.
    """
    raise NotImplementedError
