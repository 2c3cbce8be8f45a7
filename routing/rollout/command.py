"""Commands: what people ask of a rollout. One function a word, and a table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from routing.rollout import words
from routing.rollout.document import Document
from routing.rollout.epoch import again
from routing.rollout.observed import NOTHING, Observed
from routing.rollout.phases import Cause, IllegalTransition, legal, possible
from routing.rollout.plan import Plan
from routing.rollout.stages import enter, finish, roll_back, stop
from routing.rollout.transition import Step, move, weighted
from routing.snapshot import BASIS_POINTS


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command and all that it may depend on."""

    document: Document
    plan: Plan
    now: int
    weight: int
    full: bool
    observed: Observed


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

    `weight` (basis points, needed by `set_weight`) and `full` (of `promote`) say more. The evidence in
    `observed` lets a new period freeze its reference at once; without it the next look does.
    Raises IllegalTransition, and ValueError for a weight that is none.
    """
    word = action.replace("_", "-")
    if document.settled:
        why = "the promotion is settled, and a new epoch opens once every replica has this configuration"
        raise IllegalTransition(f"{word} is not possible: {why}")
    if not legal(document.phase, action):
        can = ", ".join(one.replace("_", "-") for one in possible(document.phase))
        raise IllegalTransition(f"{word} is not possible while {document.phase}; possible are: {can}")
    if action == "set_weight" and (weight is None or not 0 <= weight <= BASIS_POINTS):
        raise ValueError("weight: must lie between 0 and 100 percent")
    asked = _Asked(document, plan, now, weight or 0, full, observed)
    return move(document, _WORDS[action](asked), action, now, actor, (reason,) if reason else ())


def _promote(asked: _Asked) -> Document:
    """On to the next stage, or with `full` past all of them, whatever the evidence."""
    document, plan = asked.document, asked.plan
    if asked.full or document.phase == "baking" or document.paused_from == "baking":
        return finish(document, plan, asked.now)
    index = 0 if document.phase == "pending" else plan.after(document.weight)
    return enter(document, plan, index, asked.now, asked.observed)


def _pause(asked: _Asked) -> Document:
    return stop(asked.document, asked.now, "manual")


def _resume(asked: _Asked) -> Document:
    """On with the criteria of the last planned stage at or below the weight, else of the first; at 0 into it.

    A pause does not count as time; who resumes an inconclusive rollout grants it the same time again.
    """
    document, plan, now = asked.document, asked.plan, asked.now
    index = plan.at(document.weight)
    if not document.weight:
        return _begin(asked)
    if plan.stages[index].weight == BASIS_POINTS:
        return enter(document, plan, index, now, asked.observed)
    waited = 0 if document.paused_at is None else now - document.paused_at
    clock = now if document.phase == "inconclusive" else document.clock + waited
    accepted = document.accepted
    if document.phase_reason == "cost":
        accepted = tuple(sorted({*accepted, *plan.ratios}))
    baking = document.paused_from == "baking"
    return replace(
        document,
        phase="baking" if baking else "running",
        phase_reason=None,
        since=now,
        stage=document.stage if baking else index + 1,
        clock=clock,
        paused_from=None,
        paused_at=None,
        accepted=accepted,
    )


def _begin(asked: _Asked) -> Document:
    """The first stage, unless the epoch has used its weight: nobody would be compared there."""
    after = enter(asked.document, asked.plan, 0, asked.now, asked.observed)
    if after.phase != "promoted" and not after.period.chance:
        raise IllegalTransition(
            f"resume is not possible at 0 %: {words.weight(after.weight)}, where the first stage is, has been"
            " used before in this epoch; set another weight, or abort and retry"
        )
    return after


def _abort(asked: _Asked) -> Document:
    return roll_back(asked.document, asked.now, "abort", None)


def _undo(asked: _Asked) -> Document:
    """Back from promoted to the baseline."""
    return roll_back(asked.document, asked.now, "undo", None)


def _retry(asked: _Asked) -> Document:
    """A new epoch of the same candidate, with a new lot."""
    left = (asked.document.cooldown_until or 0) - asked.now
    if left > 0:
        raise IllegalTransition(f"retry is not possible for another {words.span(left)}: it cools down")
    return again(asked.document, asked.plan, asked.now, asked.observed)


def _set_weight(asked: _Asked) -> Document:
    """The weight by hand: nothing is promoted until it is resumed, and harm still acts."""
    document, now = asked.document, asked.now
    moved = weighted(document, asked.weight, now, asked.observed)
    return replace(
        moved,
        phase="paused",
        phase_reason="manual",
        since=now,
        stage=asked.plan.at(asked.weight) + 1,
        clock=now,
        paused_from="running",
        paused_at=now,
    )


_WORDS: dict[Cause, Callable[[_Asked], Document]] = {
    "promote": _promote,
    "pause": _pause,
    "resume": _resume,
    "abort": _abort,
    "retry": _retry,
    "undo": _undo,
    "set_weight": _set_weight,
}
