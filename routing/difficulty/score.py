"""A request's difficulty: what it states itself, else what its text is estimated at, else the default.

The estimate's own figure stays beside the score on the route's scale: `gain` conditions compare it with the
threshold above which the wanted share of recent requests lies. An estimator of ratings tells who is hard, and
a rating that was given counts in its place; one of gains tells what no rating says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from routing.decision import Score
from routing.difficulty.estimate import FAILED, Estimate, Estimator
from routing.difficulty.explicit import explicit_score, placed
from routing.difficulty.gate import OTHER, TASKS
from routing.difficulty.head import Contribution
from routing.difficulty.model import Scale
from routing.difficulty.scales import converted
from routing.frozen import Frozen
from routing.snapshot import Difficulty

ESTIMATE: Final = "estimate"
"""The source of an estimated score."""
NO_MODEL: Final = "no_model"
"""Why there is no estimate while the model's file cannot be used."""
SHOWN: Final = 20
"""Contributions that are told one by one."""


@dataclass(frozen=True, slots=True)
class Absent(Frozen):
    """Stands for a model that could not be read and was never read well: it has no estimate of anything."""

    scale: Scale = Scale("range", 0.0, 1.0)
    target: str = "rating"
    hash: str = ""

    def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """None, for want of a model."""
        return Estimate("", None, NO_MODEL)

    def contributions(self, body: Mapping[str, Any]) -> list[Contribution]:
        """None."""
        return []

    def expected(self, task: str) -> list[float]:
        """None."""
        return []


def score_of(difficulty: Difficulty, headers: Mapping[bytes, bytes], body: Mapping[str, Any]) -> Score:
    """The difficulty of a request; total, whatever the request carries."""
    score = explicit_score(difficulty, headers, body)
    estimator = difficulty.estimator
    return score if estimator is None else _estimated(difficulty, estimator, score, body)


def _estimated(difficulty: Difficulty, estimator: Estimator, stated: Score, body: Mapping[str, Any]) -> Score:
    given = stated.source not in ("default", "none")
    if given and not difficulty.gains:
        return stated
    task, raw, reason = estimator.estimate(body)
    if raw is not None and not isfinite(raw):
        raw, reason = None, FAILED
    if given:
        if difficulty.onto is not None:
            assert stated.value is not None
            low, high = difficulty.minimum, difficulty.maximum
            raw = converted(stated.value, difficulty.scale, low, high, difficulty.onto)
        return stated.beside(task or TASKS[OTHER], raw)
    if raw is None:
        return stated.beside("", None, reason)
    value, stratum, index = placed(difficulty, on_scale(difficulty, estimator, raw))
    return Score(value, ESTIMATE, stratum, index, stated.invalid, task, raw)


def on_scale(difficulty: Difficulty, estimator: Estimator, raw: float) -> float:
    """An estimator's figure on the route's scale."""
    scale = estimator.scale
    return converted(raw, scale.name, scale.min, scale.max, difficulty)


def contributions(
    difficulty: Difficulty, estimator: Estimator, body: Mapping[str, Any], score: float
) -> list[Contribution]:
    """What makes up an estimated score on the route's scale: the largest parts, and the rest as one.

    They sum to `score`.
    """
    parts = sorted(estimator.contributions(body), key=lambda part: -abs(part.value))
    shown, rest = parts[:SHOWN], parts[SHOWN:]
    if rest:
        shown.append(Contribution("rest", f"{len(rest)} more", sum(part.value for part in rest)))
    remainder = score - sum(part.value for part in parts)
    if abs(remainder) > abs(score) * 1e-9:
        shown.append(Contribution("scale", difficulty.scale, remainder))
    return shown
