"""How a rollout's variants stand: what operators see of a period, whoever stands in the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from routing.evidence.cells import Evidence
from routing.evidence.fact import MICRO

REPORTED = ("validation_passed", "needs_review", "score")
"""Metrics that are known only when somebody tells."""
_EVERY = "errors"
"""The metric of which every unit has a value that can have one."""


class Standing(NamedTuple):
    """One variant's: the share of units of which a metric is known, and USD a validated success.

    A cost that is known of no unit is None, not 0.
    """

    coverage: Mapping[str, float]
    cost_per_success: float | None


def standings(evidence: Evidence, period: int) -> dict[bool, Standing]:
    """By side, the candidate's under True; a side without units is missing."""
    units: dict[tuple[bool, str], int] = {}
    passed = {False: 0.0, True: 0.0}
    for cell, count in evidence.cells.items():
        if cell.period == period:
            key = cell.candidate, cell.metric
            units[key] = units.get(key, 0) + count
            if cell.metric == REPORTED[0]:
                passed[cell.candidate] += count * (1 - cell.value)
    spent, priced = {False: 0, True: 0}, {False: 0, True: 0}
    for side, cost in evidence.costs.items():
        if side.period == period:
            spent[side.candidate] += cost.total
            priced[side.candidate] += cost.n
    found = {}
    for candidate in (False, True):
        known = units.get((candidate, _EVERY), 0)
        if known:
            covered = {metric: min(units.get((candidate, metric), 0) / known, 1.0) for metric in REPORTED}
            told = priced[candidate] and passed[candidate]
            each = spent[candidate] / MICRO / passed[candidate] if told else None
            found[candidate] = Standing(covered, each)
    return found
