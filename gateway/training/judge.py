"""Judging a model by examples: every measure with its interval, by task and by band of scores.

Standard library only, so that a model can be judged wherever the gateway runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gateway.training.examples import DataError, Example
from gateway.training.measures import Measure, Ranking, Weights, calibration, interval, resamples, spearman
from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.features import Features
from routing.difficulty.head import Head
from routing.difficulty.model import ANY, Model

LEAST = 20
"""Rows below which a part is not measured."""
SEED = 0


class Scored(NamedTuple):
    """An example's task and score."""

    task: str
    score: float


def scored(
    model: Model, examples: Sequence[Example], step: Callable[[], None] = lambda: None
) -> list[Scored]:
    """What the model makes of each example; the lowest score where it makes nothing. Raises DataError."""
    estimator = ModelEstimator(model)
    found = []
    for example in examples:
        if example.body is not None:
            estimate = estimator.estimate(example.body)
            lowest = model.scale.min
            found.append(Scored(estimate.task, lowest if estimate.score is None else estimate.score))
        elif model.file.tokens == "crc32" and example.features is not None:
            found.append(Scored(ANY, features_score(model.head(ANY), example.features)))
        else:
            raise DataError("rows of hashed features can only be judged by a model that was learnt from such")
        step()
    return found


def features_score(head: Head, features: Features) -> float:
    """The score of features whose text is gone."""
    return head.weighed(features.words, features.pairs, features.bounds, features.dense)


def primary(target: str, scores: Sequence[float], examples: Sequence[Example]) -> Measure:
    """What a model is chosen by: APGR of a gain, Spearman's correlation of a rating."""
    ranking = Ranking(scores)
    if target == "rating":
        return spearman(ranking, Ranking([example.rating or 0.0 for example in examples]))
    gains = [example.gain or 0.0 for example in examples]
    return lambda weights: ranking.apgr(gains, weights)


def report(
    found: Sequence[Scored], examples: Sequence[Example], target: str, bounds: Sequence[float], hard: float
) -> dict[str, Any]:
    """Every measure of the target; `bounds` part the bands of scores, ratings from `hard` on are hard."""
    scores = [one.score for one in found]
    tasks = sorted({one.task for one in found})
    bands = [bisect_right(bounds, score) for score in scores]
    names = _names(bounds)
    return {
        "target": target,
        "rows": len(examples),
        **_measured(target, scores, examples, hard, with_interval=True),
        "calibration": [
            bin._asdict() for bin in calibration(scores, [_found(target, example) for example in examples])
        ],
        "tasks": {
            task: _part(target, scores, examples, hard, [one.task == task for one in found]) for task in tasks
        },
        "strata": {
            name: _part(target, scores, examples, hard, [band == number for band in bands])
            for number, name in enumerate(names)
        },
    }


def _part(
    target: str, scores: Sequence[float], examples: Sequence[Example], hard: float, inside: Sequence[bool]
) -> dict[str, Any]:
    """The figures of some of the rows."""
    rows = [row for row, is_in in enumerate(inside) if is_in]
    part = [examples[row] for row in rows]
    figures: dict[str, Any] = {"rows": len(rows)}
    if not rows:
        return figures
    figures["score"] = sum(scores[row] for row in rows) / len(rows)
    figures[target] = _mean([_found(target, example) for example in part], part)
    for side in ("weak", "strong"):
        if all(getattr(example, side) is not None for example in part):
            figures[side] = _mean([getattr(example, side) for example in part], part)
    if len(rows) >= LEAST:
        figures |= _measured(target, [scores[row] for row in rows], part, hard, with_interval=False)
    return figures


def _measured(
    target: str, scores: Sequence[float], examples: Sequence[Example], hard: float, *, with_interval: bool
) -> dict[str, Any]:
    """Each measure, as {value, low, high} or as a number."""
    weights = [example.weight for example in examples]
    measures = _measures(target, Ranking(scores), examples, hard)
    if not with_interval:
        return {name: measure(weights) for name, measure in measures.items()}
    samples = resamples(weights, [example.group or row for row, example in enumerate(examples)], SEED)
    return {name: interval(measure, weights, samples)._asdict() for name, measure in measures.items()}


def _measures(target: str, ranking: Ranking, examples: Sequence[Example], hard: float) -> dict[str, Measure]:
    values = [_found(target, example) for example in examples]
    heavy = [value >= hard for value in values] if target == "rating" else [value > 0 for value in values]

    def auc(weights: Weights) -> float:
        return ranking.auc(heavy, weights)

    both: dict[str, Measure] = {"spearman": spearman(ranking, Ranking(values)), "auc": auc}
    if target == "rating":
        return both
    return {
        "apgr": lambda weights: ranking.apgr(values, weights),
        "cpt50": lambda weights: ranking.cpt(values, weights, 0.5),
        "cpt80": lambda weights: ranking.cpt(values, weights, 0.8),
        **both,
    }


def _found(target: str, example: Example) -> float:
    return (example.rating if target == "rating" else example.gain) or 0.0


def _mean(values: Sequence[float], examples: Sequence[Example]) -> float:
    total = sum(example.weight for example in examples)
    return sum(value * example.weight for value, example in zip(values, examples, strict=True)) / total


def _names(bounds: Sequence[float]) -> list[str]:
    if not bounds:
        return ["none"]
    pairs = zip(bounds, bounds[1:], strict=False)
    return [f"lt{bounds[0]:g}", *(f"{low:g}-{high:g}" for low, high in pairs), f"ge{bounds[-1]:g}"]
