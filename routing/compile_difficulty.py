"""From a route's `difficulty` to how its requests' difficulty is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from config import routes
from routing.difficulty.estimate import Estimator
from routing.difficulty.thresholds import first_thresholds
from routing.snapshot import Difficulty

ESTIMATED = frozenset(("difficulty", "gain"))
"""Subjects of conditions that ask for an estimate."""


def compile_difficulty(
    route: routes.Route, estimators: Mapping[str, Estimator], *, shown: bool
) -> Difficulty:
    """The route's difficulty; `estimators` are known by what `estimate` says.

    Nothing is estimated where neither a condition nor the strata ask for it, nor a header shows it (`shown`).
    """
    difficulty, (minimum, maximum) = route.difficulty, route.difficulty.bounds
    clauses = [clause for part in route.parts if part.when for clause in part.when.conditions]
    wanted = shown or difficulty.strata or any(clause.subject in ESTIMATED for clause in clauses)
    estimator = estimators.get(difficulty.estimate) if wanted else None
    compiled = Difficulty(
        scale=difficulty.scale if isinstance(difficulty.scale, str) else "range",
        minimum=minimum,
        maximum=maximum,
        sources=tuple((source, source.partition(".")[2]) for source in difficulty.from_),
        default=difficulty.default,
        strata=difficulty.strata,
        estimator=estimator,
    )
    gains = tuple({clause.value: None for clause in clauses if clause.subject == "gain"})
    if estimator is None or not gains:
        return compiled
    scale = estimator.scale
    onto = Difficulty(scale.name, scale.min, scale.max) if estimator.target == "rating" else None
    return replace(compiled, gains=gains, thresholds=first_thresholds(estimator, gains), onto=onto)
