"""What is written down of a decision: who or what moved a rollout, why, and all that it was made of."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from routing.rollout.document import Document
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan
from routing.rollout.record import record
from routing.rollout.transition import HEADGATE, Step, Transition


def entry_of(
    before: Document | None, step: Step, plan: Plan | None, observed: Observed | None, now: int
) -> Mapping[str, Any]:
    """The body of an audit entry: of a transition, or of a verdict that has changed.

    `plan` None: the configuration has none any more. A look's has in `record` what it was made of; see
    `recorded`.
    """
    document, evaluation = step.document, step.evaluation
    body: dict[str, Any] = {"plan": None if plan is None else plan.hash, "definition": document.definition}
    if step.transition is not None:
        body |= {"kind": "transition", **step.transition.to_json(int)}
    else:
        body |= {
            "kind": "verdict", "time": now, "revision": document.revision, "actor": HEADGATE,
            "cause": "verdict", "from": document.phase, "to": document.phase,
            "weight": document.weight / 100, "epoch": document.epoch, "period": document.period.number,
            "stage": document.stage, "reasons": list(evaluation.verdict.reasons) if evaluation else [],
        }  # fmt: skip
    if evaluation is not None:
        body["verdict"] = {"value": evaluation.verdict.value, "action": evaluation.verdict.action}
        body["guardrails"] = evaluation.guardrails
        body["evidence"] = {name: one.proof._asdict() for name, one in evaluation.comparisons.items()}
        if before is not None and plan is not None and observed is not None:
            body["record"] = _packed(record(before, plan, observed, now, step))
    return body


def _packed(plain: Mapping[str, Any]) -> str:
    """Packed, because a thousand of them are kept for every rollout."""
    return b64encode(zlib.compress(json.dumps(plain).encode())).decode()


def recorded(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a look was made of: the argument of `routing.rollout.record.look_again`.

    Raises ValueError for what is no record.
    """
    try:
        plain: dict[str, Any] = json.loads(zlib.decompress(b64decode(body["record"])))
    except zlib.error as error:
        raise ValueError("it is not compressed as a record is") from error
    return plain


def describe(document: Document, transition: Transition) -> str:
    """One line for people."""
    why = f": {'; '.join(transition.reasons)}" if transition.reasons else ""
    return (
        f"{document.name}: {transition.before} → {transition.after} at {transition.weight / 100:g} %"
        f" ({transition.cause}, by {transition.actor}){why}"
    )
