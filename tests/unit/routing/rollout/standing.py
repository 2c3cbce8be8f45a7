"""Rollouts to test with: plans, documents and evidence in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from config.guardrails import COMPARED, Guardrails
from routing.evidence.cells import Cell, Evidence
from routing.rollout.advance import advance
from routing.rollout.document import Document, Period
from routing.rollout.epoch import Identity, first_epoch
from routing.rollout.observed import Observed
from routing.rollout.plan import Limits, Plan, Stage
from routing.rollout.state import RolloutState

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_800_000_000_000
"""When rollouts begin here; ms since 1970."""

WHO = Identity("solver", "hard", "base", "tuned", "b", "c")

LIMITS = {
    metric: Limits(one.harm, one.alpha, one.margin, one.promote_alpha)
    for metric, one in Guardrails.model_validate(dict.fromkeys(COMPARED, "on")).comparisons.items()
}
THREE = ("validation_passed", "errors", "latency_p95")


def plan(*weights: int, metrics: tuple[str, ...] = THREE, **keys: Any) -> Plan:
    """The default plan, 10 → 50 → 100, of stages that may pass at once."""
    stages = tuple(Stage(100 * weight, min_duration=0) for weight in weights or (10, 50, 100))
    comparisons = {metric: LIMITS[metric] for metric in metrics}
    return Plan(**{"stages": stages, "comparisons": comparisons, **keys})


def begun(wish: Plan | None = None) -> Document:
    """A rollout that has just begun."""
    return first_epoch(WHO, wish or plan(), NOW).document


def at(document: Document, *weights: int, **keys: Any) -> Document:
    """The document after these weights (percent), the last one being served."""
    periods = []
    for number, weight in enumerate(weights, start=1):
        used = tuple(one.weight for one in periods)
        low, high = RolloutState(100 * weight, earlier=used).compared
        periods.append(Period(number, 100 * weight, low, high, NOW))
    return replace(document, periods=tuple(periods), **keys)


Counts = Mapping[str, tuple[int, int, int, int]]
"""By metric: the baseline's bad units and all of them, then the candidate's."""


def evidence(counts: Counts, *, period: int = 1, reference: int = 0, stratum: int = 0) -> Evidence:
    """Units of one request each."""
    cells: dict[Cell, int] = {}
    for metric, (bad, baseline, worse, candidate) in counts.items():
        for side, failed, units in ((False, bad, baseline), (True, worse, candidate)):
            for badness, count in ((20, failed), (0, units - failed)):
                if count:
                    cell = Cell(period, "compared", reference, stratum, metric, side, badness, 1)
                    cells[cell] = count
    return Evidence(cells, {}, {}, {})


def observed(counts: Counts, **keys: Any) -> Observed:
    """A look at such units; keywords as for `evidence`, and those of Observed."""
    where = {key: keys.pop(key) for key in ("period", "reference", "stratum") if key in keys}
    return Observed(evidence(counts, **where), **keys)


def alike(units: int = 100_000, weight: float = 0.1, reference: int = 1) -> Observed:
    """Both variants as good as each other, by the three default guardrails, and beyond doubt."""
    ours = round(units * weight)
    theirs = units - ours
    shares = {"validation_passed": 0.1, "needs_review": 0.0, "errors": 0.01, "latency_p95": 0.05}
    counts = {
        metric: (round(theirs * bad), theirs, round(ours * bad), ours)
        for metric, bad in shares.items()
        if reference or metric != "latency_p95"
    }
    return observed(counts, reference=reference)


WORSE = {"validation_passed": (900, 9_000, 400, 1_000), "errors": (90, 9_000, 10, 1_000)}
"""The candidate fails four times as often."""


def frozen(document: Document) -> Document:
    """With what is known of the baseline, so that latency is held to a p95."""
    return advance(document, plan(), alike(4_000, reference=0), NOW).document


def look(document: Document, seen: Observed, wish: Plan | None = None, now: int = NOW + HOUR) -> Document:
    """The document after one look."""
    return advance(document, wish or plan(), seen, now).document
