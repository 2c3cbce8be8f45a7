"""What is written down of a decision: who or what moved a rollout, why, and the counts that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.evidence.cells import Evidence
from routing.rollout.document import Document
from routing.rollout.plan import Plan
from routing.rollout.transition import Step, Transition

CELLS = 2_000
"""Cells written down with an entry at most."""


def entry_of(step: Step, plan: Plan, evidence: Evidence | None, now: int) -> Mapping[str, Any]:
    """The body of an audit entry: of a transition, or of a verdict that has changed."""
    document = step.document
    body: dict[str, Any] = {
        "kind": "transition" if step.transition else "verdict",
        "plan": plan.hash,
        "definition": document.definition,
    }
    if step.transition is not None:
        body |= step.transition.to_json()
    else:
        body |= {
            "time": now, "revision": document.revision, "actor": "headgate", "cause": "verdict",
            "from": document.phase, "to": document.phase, "weight": document.weight / 100,
            "epoch": document.epoch, "period": document.period.number, "stage": document.stage,
            "reasons": list(step.evaluation.verdict.reasons) if step.evaluation else [],
        }  # fmt: skip
    if step.evaluation is not None:
        verdict = step.evaluation.verdict
        body["verdict"] = {"value": verdict.value, "action": verdict.action}
        body["guardrails"] = step.evaluation.guardrails
        body["evidence"] = {
            metric: one.proof._asdict() for metric, one in step.evaluation.comparisons.items()
        }
    if evidence is not None:
        found = [[*cell, count] for cell, count in evidence.compared.items()]
        body["cells"] = found[:CELLS]
    return body


def describe(document: Document, transition: Transition) -> str:
    """One line for people."""
    why = f": {'; '.join(transition.reasons)}" if transition.reasons else ""
    return (
        f"{document.name}: {transition.before} → {transition.after} at {transition.weight / 100:g} %"
        f" ({transition.cause}, by {transition.actor}){why}"
    )
