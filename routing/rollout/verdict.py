"""Verdicts: what a look comes to, for each guardrail and in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from routing.rollout.document import Action, Value
from routing.rollout.phases import Cause


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


class Spending(NamedTuple):
    """One variant's mean cost in USD, a unit's earliest request or a success; None: not known."""

    n: int
    usd: float | None


class CostRatio(NamedTuple):
    """The candidate's cost over the baseline's, and its lower bound; `needed` successes a side."""

    estimate: float | None
    lower: float | None
    max_ratio: float
    needed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one metric of good and bad says; sides are (baseline, candidate).

    `units_to_go`: compared units, of both variants, until the safe test passes in a typical run; None when
    nobody is compared. `tipping` (where coverage is low or unequal): how much less often the candidate's bad
    units would have to be reported than the others, as a share, to turn the verdict; None: no share could.
    """

    metric: str
    verdict: Value
    baseline: Group
    candidate: Group
    proof: Proof
    coverage: tuple[float | None, float | None]
    units_to_go: int | None
    reasons: tuple[str, ...] = ()
    blocked: bool = False
    """Coverage is low or unequal: no automatic promotion."""
    tipping: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one cost metric says; sides are (baseline, candidate). `fail` pauses."""

    metric: str
    verdict: Value
    baseline: Spending
    candidate: Spending
    ratio: CostRatio
    reasons: tuple[str, ...] = ()


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
        """The verdict of each guardrail, by name."""
        found: dict[str, Value] = {name: one.verdict for name, one in self.comparisons.items()}
        found |= {name: one.verdict for name, one in self.costs.items()}
        return found | {name: one.verdict for name, one in self.queries.items()}
