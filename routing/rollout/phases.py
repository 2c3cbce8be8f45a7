"""Phases: where a rollout may be, and every way from one to another. This table is the whole state machine.

    pending ──▶ running ──▶ baking ──▶ promoted
                   │  ▲        │           │
                   ▼  │        │           │ undo
          paused, inconclusive │           │
                   └───────────┴──▶ rolled_back ──▶ a new epoch

`routing.rollout.transition.move` asks the table whenever a phase changes; nothing else changes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Phase = Literal["pending", "running", "paused", "inconclusive", "baking", "promoted", "rolled_back"]
PHASES: tuple[Phase, ...] = get_args(Phase)

Cause = Literal[
    "started", "passed", "baked", "harm", "query", "breaker", "baseline_failing", "no_outcomes", "cost",
    "end_of_plan", "timeout", "definition", "promote", "pause", "resume", "abort", "retry", "undo",
    "set_weight", "settled",
]  # fmt: skip
"""Why a rollout moved: what was found, or what a person asked for. The values label a metric."""

ACTIONS: tuple[Cause, ...] = ("promote", "pause", "resume", "abort", "retry", "undo", "set_weight")
"""What a person may ask for."""

FOLLOWS: Mapping[str, Cause] = {"promote": "promote", "rollback": "abort"}
"""What a person asks for who follows a recommendation."""

ONWARD: tuple[Phase, ...] = ("running", "baking", "promoted")
"""Where a step forward may lead."""
OPENING: tuple[Phase, ...] = ("pending", *ONWARD)
"""Where an epoch may begin."""
HELD: tuple[Phase, ...] = ("paused", "inconclusive")
"""Weights stay, nothing is promoted, harm still acts."""
LIVE: tuple[Phase, ...] = ("running", "baking", *HELD)
"""Phases in which the candidate has traffic on trial."""

_HARMS: Mapping[Cause, tuple[Phase, ...]] = {
    "harm": ("rolled_back",),
    "query": ("rolled_back",),
    "breaker": ("rolled_back",),
    "baseline_failing": ("paused",),
}
_LIVE: Mapping[Cause, tuple[Phase, ...]] = {
    **_HARMS,
    "promote": ONWARD,
    "abort": ("rolled_back",),
    "set_weight": ("paused",),
    "definition": OPENING,
}

TRANSITIONS: Mapping[Phase, Mapping[Cause, tuple[Phase, ...]]] = {
    "pending": {
        "started": ONWARD,
        "resume": ONWARD,
        "promote": ONWARD,
        "abort": ("rolled_back",),
        "set_weight": ("paused",),
        "definition": OPENING,
    },
    "running": {
        **_LIVE,
        "passed": ONWARD,
        "end_of_plan": ("paused",),
        "no_outcomes": ("paused",),
        "cost": ("paused",),
        "timeout": ("inconclusive",),
        "pause": ("paused",),
    },
    "paused": {**_LIVE, "resume": ONWARD},
    "inconclusive": {**_LIVE, "resume": ONWARD},
    "baking": {**_LIVE, "baked": ("promoted",), "end_of_plan": ("paused",), "pause": ("paused",)},
    "promoted": {"undo": ("rolled_back",), "settled": ("promoted",), "definition": OPENING},
    "rolled_back": {"retry": OPENING, "definition": OPENING},
}


class IllegalTransition(Exception):
    """What was asked for cannot be done in this phase; the message tells a person why and what can."""


def legal(phase: Phase, cause: Cause) -> tuple[Phase, ...]:
    """Where `cause` may lead from `phase`; empty: nowhere."""
    return TRANSITIONS[phase].get(cause, ())


def possible(phase: Phase) -> list[Cause]:
    """What a person may ask for in this phase."""
    return [action for action in ACTIONS if legal(phase, action)]
