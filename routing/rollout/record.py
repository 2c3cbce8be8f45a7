"""Records: a decision with all that it was made of, so that anybody can make it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from routing.evidence.cells import counts_of, evidence_of
from routing.rollout.advance import advance
from routing.rollout.document import Document
from routing.rollout.observed import Answer, Observed, Recent
from routing.rollout.plan import Plan
from routing.rollout.transition import Step


def record(document: Document, plan: Plan, observed: Observed, now: int, step: Step) -> dict[str, Any]:
    """What went into a look at `document` and what came out, as JSON can hold it."""
    return {
        "now": now,
        "plan_hash": plan.hash,
        "document": document.to_json(),
        "plan": plan.to_json(),
        "cells": counts_of(observed.evidence),
        "queries": {name: [list(answer) for answer in each] for name, each in observed.queries.items()},
        "baseline": list(observed.baseline),
        "largest": observed.largest,
        "found": found(step),
    }


def found(step: Step) -> dict[str, Any]:
    """What a look came to: verdict, E-values, and the document after it; as JSON gives it back."""
    evaluation = step.evaluation
    plain = {
        "document": step.document.to_json(),
        "evaluation": None if evaluation is None else msgspec.to_builtins(evaluation),
        "transition": None if step.transition is None else step.transition.to_json(int),
    }
    read: dict[str, Any] = json.loads(json.dumps(plain))  # a tuple comes back as a list
    return read


def look_again(recorded: Mapping[str, Any]) -> tuple[Plan, Step]:
    """Takes the look again that `recorded` is of: what comes out is what it says was found, bit for bit.

    Raises InvalidDocument, or whatever else comes of reading JSON that is no record.
    """
    document, plan = Document.from_json(recorded["document"]), Plan.from_json(recorded["plan"])
    observed = Observed(
        evidence_of(recorded["cells"]),
        {name: [Answer(*answer) for answer in each] for name, each in recorded["queries"].items()},
        Recent(*recorded["baseline"]),
        recorded["largest"],
    )
    return plan, advance(document, plan, observed, recorded["now"])
