"""Stages: how a rollout goes on to one, and how it is stopped."""

from __future__ import annotations

from msgspec.structs import replace

from routing.rollout.document import Document
from routing.rollout.observed import NOTHING, Observed
from routing.rollout.plan import Plan, Stage
from routing.rollout.transition import weighted
from routing.snapshot import BASIS_POINTS

WHOLE = Stage(BASIS_POINTS)
"""The stage that a person may go on to where a plan has none above."""


def enter(document: Document, plan: Plan, index: int | None, now: int, observed: Observed) -> Document:
    """The document at the beginning of a stage; None: one of 100 that the plan does not have."""
    stage = WHOLE if index is None else plan.stages[index]
    number = len(plan.stages) if index is None else index + 1
    if stage.weight == BASIS_POINTS and not plan.bakes:
        return finish(document, plan, now)
    moved = weighted(document, plan.served(stage), now, observed)
    phase = "baking" if stage.weight == BASIS_POINTS else "running"
    return replace(moved, phase=phase, stage=number, **_begun(now))


def finish(document: Document, plan: Plan, now: int) -> Document:
    """All traffic on the candidate."""
    moved = weighted(document, BASIS_POINTS, now, NOTHING)
    return replace(moved, phase="promoted", stage=len(plan.stages), settled=False, **_begun(now))


def roll_back(document: Document, now: int, reason: str, cooldown: int | None) -> Document:
    """All traffic on the baseline, in one step; `cooldown` in ms, None where a person did it."""
    moved = weighted(document, 0, now, NOTHING)
    until = None if cooldown is None else now + cooldown
    moved = replace(moved, phase="rolled_back", **_begun(now))
    return replace(moved, phase_reason=reason, cooldown_until=until)


def stop(document: Document, now: int, reason: str) -> Document:
    """Paused at its weight. What it was before, and since when, stays known through a second pause."""
    if document.phase == "paused":
        return replace(document, phase_reason=reason, since=now)
    return replace(
        document, phase="paused", phase_reason=reason, since=now, paused_from=document.phase, paused_at=now
    )


def _begun(now: int) -> dict[str, object]:
    return {"phase_reason": None, "since": now, "clock": now, "paused_from": None, "paused_at": None}
