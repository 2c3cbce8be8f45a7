"""Verdicts: what a look comes to, for each guardrail and in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from routing.rollout.document import Action, Value
from routing.rollout.phases import Cause
from routing.rollout.spending import Compared


class Group(NamedTuple):
    """The newest period's compared units of one side that have a value, and the mean of their badness."""

    n: int
    bad: float | None


class Proof(NamedTuple):
    """E-values of the two tests and what each needs."""

    harm: float
    harm_needed: float
    safe: float
    safe_needed: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one metric of good and bad says; sides are (baseline, candidate).

    `units_to_go`: compared units, of both variants, until the safe test passes in a typical run; None when
    nobody is compared. `coverage`: the share of units that could have a value and have one.
    """

    metric: str
    verdict: Value
    baseline: Group
    candidate: Group
    proof: Proof
    coverage: tuple[float | None, float | None]
    units_to_go: int | None
    reasons: tuple[str, ...] = ()
    uncovered: bool = False
    """Coverage is low or unequal: no automatic promotion."""
    armed: bool = True
    """Whether harm acts; otherwise the metric is only needed to promote."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one cost metric says. `fail` pauses; `accepted`: a person has resumed past it in this epoch."""

    metric: str
    verdict: Value
    compared: Compared
    units: tuple[int, int]
    max_ratio: float
    reasons: tuple[str, ...] = ()
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class QueryVerdict:
    """What one PromQL guardrail says; `value` is the newest, None: no data."""

    name: str
    verdict: Value
    value: float | None
    min: float | None
    max: float | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look comes to. `cause` is what would move the rollout, None: nothing would."""

    value: Value
    action: Action
    reasons: tuple[str, ...]
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that a look found. `ratio` is the sample ratio's E-value; `warnings` are for people."""

    verdict: Verdict
    comparisons: Mapping[str, Comparison]
    costs: Mapping[str, Cost]
    queries: Mapping[str, QueryVerdict]
    ratio: float
    warnings: tuple[str, ...] = ()

    @property
    def guardrails(self) -> dict[str, Value]:
        """The verdict of each guardrail by its name, a query's as `prometheus.NAME`."""
        found: dict[str, Value] = {name: one.verdict for name, one in self.comparisons.items()}
        found |= {name: one.verdict for name, one in self.costs.items()}
        return found | {f"prometheus.{name}": one.verdict for name, one in self.queries.items()}
