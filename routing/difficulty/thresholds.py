"""Thresholds of gains: from which figure on a request is among the top share of its task.

A snapshot begins with those of the model's training. The control plane sees what really comes and tells
better ones, which are put into the snapshot that is there: they change every moment, and it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from routing.difficulty.estimate import Estimator
from routing.difficulty.gate import TASKS
from routing.difficulty.quantile import SIZE, RollingSample
from routing.snapshot import BASIS_POINTS, Difficulty, Snapshot, Thresholds

Told = Mapping[str, tuple[str, Thresholds]]
"""By route: the hash of the estimator that they belong to, and the thresholds."""


def sample_of(estimator: Estimator, task: str) -> RollingSample:
    """A rolling sample of a task's figures that begins with those of training, thinned evenly to its size."""
    expected = estimator.expected(task)
    step = max(len(expected) / SIZE, 1.0)
    return RollingSample(expected[int(at * step)] for at in range(min(len(expected), SIZE)))


def first_thresholds(estimator: Estimator, tops: Iterable[int]) -> dict[tuple[str, int], float]:
    """What training says of every task and of each share in `tops`, in basis points."""
    found = {}
    for task in TASKS:
        sample = sample_of(estimator, task)
        for top in tops:
            threshold = sample.threshold(top / BASIS_POINTS)
            if threshold is not None:
                found[task, top] = threshold
    return found


def adjusted(snapshot: Snapshot, told: Told) -> Snapshot:
    """The snapshot with other thresholds, but for those of routes or estimators that it no more has."""
    routes = dict(snapshot.routes)
    for name, (hash, thresholds) in told.items():
        route = routes.get(name)
        if route is not None and _belongs(route.difficulty, hash):
            known = route.difficulty.thresholds
            routes[name] = replace(
                route, difficulty=replace(route.difficulty, thresholds={**known, **thresholds})
            )
    names = {public: routes[route.name] for public, route in snapshot.names.items()}
    return replace(snapshot, routes=routes, names=names)


def _belongs(difficulty: Difficulty, hash: str) -> bool:
    return difficulty.estimator is not None and difficulty.estimator.hash == hash
