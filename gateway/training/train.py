"""Training a model from examples, and finding out whether it is better than the one in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gateway.training.examples import DataError, Example, digest
from gateway.training.fit import GAIN, INNER, RATING, Recipe, Rows, fit, predictions
from gateway.training.folds import groups_of
from gateway.training.judge import SEED, primary, scored
from gateway.training.measures import Interval, Weights, better, interval, resamples
from gateway.training.write import head_file, matching_curve, quantiles_of
from routing.difficulty.line import Line, at
from routing.difficulty.model import ANY, Model, Scale, write_model
from routing.text import last_user

FOLDS = 5
LEAST = 40
"""Rows below which nothing is learnt."""
STEPS = (FOLDS + 1) * (INNER + 1)
"""How often training calls `step`."""
CONFIDENT = 0.95
"""The share of resamples in which a new model has to be better than the one in use."""
SIZES = {"gain": 12_000, "rating": 20_000}
"""Words, pairs and bounds that a head keeps."""


@dataclass(frozen=True)
class Trained:
    """A model's file, and its main measure on rows that it was not taught; the old model's on the same rows.

    `better` is the share of resamples in which it is better than the old one; None without one.
    """

    content: bytes
    measured: Interval
    old: Interval | None
    better: float | None

    @property
    def wanted(self) -> bool:
        """Whether it should take the old one's place."""
        return self.better is None or self.better >= CONFIDENT


def train(
    examples: Sequence[Example],
    target: str,
    scale: Scale,
    old: Model | None,
    name: str,
    step: Callable[[], None] = lambda: None,
) -> Trained:
    """Learns a model with one head for every text. Raises DataError when the rows do not suffice.

    Every row is judged by a model that was fitted without it and without what resembles it.
    """
    values = [example.rating if target == "rating" else example.gain for example in examples]
    if len(examples) < LEAST:
        raise DataError(f"{len(examples)} rows are too few to learn from; it takes {LEAST}, better thousands")
    if len(set(values)) < 2:
        raise DataError(f"the {target} is the same in every row, so there is nothing to learn")
    rows = _rows(examples, np.array(values, float))
    recipe = _recipe(target)
    raw = predictions(rows, recipe, FOLDS, SEED, step)
    fitted = fit(rows, recipe, step)
    curve = matching_curve(raw, rows.target) if target == "rating" else None
    scores = raw if curve is None else np.array([at(curve, one) for one in raw])
    weights = [example.weight for example in examples]
    samples = resamples(weights, rows.groups.tolist(), SEED)
    measure = primary(target, scores.tolist(), examples)
    measured = interval(measure, weights, samples)
    compared: tuple[Interval | None, float | None] = (None, None)
    if old is not None:
        compared = _compared(measure, old, target, examples, weights, samples)
    hashed = any(example.body is None for example in examples)
    return Trained(
        _written(fitted.head, curve, scores, examples, target, scale, name, measured, hashed),
        measured,
        *compared,
    )


def _compared(
    measure: Callable[[Weights], float],
    old: Model,
    target: str,
    examples: Sequence[Example],
    weights: Weights,
    samples: Sequence[Weights],
) -> tuple[Interval, float]:
    standing = primary(target, [one.score for one in scored(old, examples)], examples)
    return interval(standing, weights, samples), better(measure, standing, samples)


def _recipe(target: str) -> Recipe:
    recipe = GAIN if target == "gain" else RATING
    return Recipe(recipe.penalty, recipe.taught, SIZES[target])


def _rows(examples: Sequence[Example], target: np.ndarray[Any, Any]) -> Rows:
    if len({example.body is None for example in examples}) > 1:
        raise DataError("rows with texts and rows of hashed features cannot be learnt from together")
    features = [example.read() for example in examples]
    texts = [
        " ".join(sorted(one.words)) if example.body is None else last_user(example.body)
        for example, one in zip(examples, features, strict=True)
    ]
    known = all(example.weak is not None and example.strong is not None for example in examples)
    return Rows(
        features,
        target,
        groups_of(texts, [example.group for example in examples]),
        np.array([example.weight for example in examples], float),
        np.array([example.weak for example in examples], float) if known else None,
        np.array([example.strong for example in examples], float) if known else None,
    )


def _written(
    head: Any,
    curve: Line | None,
    scores: np.ndarray[Any, Any],
    examples: Sequence[Example],
    target: str,
    scale: Scale,
    name: str,
    measured: Interval,
    hashed: bool,
) -> bytes:
    return write_model(
        {
            "name": name,
            "target": target,
            "scale": scale,
            "created": datetime.now(UTC).date().isoformat(),
            "data": {"rows": len(examples), "sha256": digest(examples)},
            "metrics": {"spearman" if target == "rating" else "apgr": measured._asdict(), "folds": FOLDS},
            "tokens": "crc32" if hashed else "plain",
            "heads": {ANY: head_file(head, curve=curve, quantiles=quantiles_of(scores), heavy=not hashed)},
            "gate": None,
        }
    )
