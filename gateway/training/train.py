"""Training a model from examples, and finding out whether it is better than the one in use.

One row in five, chosen by the hash of its text, is never taught to any model; by these rows a new model and
the one in use are compared, however often models are learnt from overlapping data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import numpy as np

from gateway.training.examples import DataError, Example, digest
from gateway.training.fit import GAIN, INNER, RATING, Recipe, Rows, fit, predictions
from gateway.training.folds import groups_of
from gateway.training.judge import SEED, primary, scored
from gateway.training.measures import Interval, better, interval, resamples
from gateway.training.write import head_file, matching_curve, quantiles_of
from routing.difficulty.line import at
from routing.difficulty.model import ANY, Model, Scale, read_model, write_model
from routing.text import last_user

FOLDS = 5
HELD = 5
"""One row in so many is held out."""
LEAST = 100
"""Rows below which nothing is learnt."""
STEPS = (FOLDS + 1) * (INNER + 1)
"""How often training calls `step`."""
CONFIDENT = 0.95
"""The share of resamples in which a new model has to be better than the one in use."""
SIZES = {"gain": 12_000, "rating": 20_000}
"""Words, pairs and bounds that a head keeps."""


@dataclass(frozen=True)
class Trained:
    """A model's file, and its main measure on the rows held out; the old model's on the same rows.

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
    """Learns a model with one head for every text. Raises DataError when the rows do not suffice."""
    hashed = _checked(examples, target)
    taught = [example for example in examples if not _held(example)]
    held = [example for example in examples if _held(example)]
    rows = _rows(taught, target)
    recipe = _recipe(target)
    raw = predictions(rows, recipe, FOLDS, SEED, step)
    curve = matching_curve(raw, rows.target) if target == "rating" else None
    scores = raw if curve is None else np.array([at(curve, one) for one in raw])
    head = head_file(fit(rows, recipe, step).head, curve=curve, quantiles=quantiles_of(scores))
    fields = {
        "name": name,
        "target": target,
        "scale": scale,
        "created": datetime.now(UTC).date().isoformat(),
        "data": {"rows": len(taught), "sha256": digest(taught)},
        "tokens": "crc32" if hashed else "plain",
        "heads": {ANY: head},
        "gate": None,
    }
    new = read_model(write_model(fields | {"metrics": {}}))
    weights = [example.weight for example in held]
    samples = resamples(weights, [example.group or row for row, example in enumerate(held)], SEED)
    measure = primary(target, [one.score for one in scored(new, held)], held)
    measured = interval(measure, weights, samples)
    metrics = {"rows": len(held), "spearman" if target == "rating" else "apgr": measured._asdict()}
    content = write_model(fields | {"metrics": metrics})
    if old is None:
        return Trained(content, measured, None, None)
    standing = primary(target, [one.score for one in scored(old, held)], held)
    known = interval(standing, weights, samples)
    return Trained(content, measured, known, better(measure, standing, samples))


def _checked(examples: Sequence[Example], target: str) -> bool:
    """Whether the rows are hashed features. Raises DataError when nothing can be learnt from them."""
    kinds = {example.body is None for example in examples}
    if len(kinds) > 1:
        raise DataError("rows with texts and rows of hashed features cannot be learnt from together")
    if len(examples) < LEAST:
        raise DataError(f"{len(examples)} rows are too few to learn from; it takes {LEAST}, better thousands")
    held = [example for example in examples if _held(example)]
    if not LEAST / HELD / 2 <= len(held) <= len(examples) / 2:
        raise DataError("too many rows have the same text; none are left to judge by")
    for part in (held, [example for example in examples if not _held(example)]):
        if len({getattr(example, target) for example in part}) < 2:
            raise DataError(f"the {target} is the same in every row, so there is nothing to learn")
    return True in kinds


def _held(example: Example) -> bool:
    return crc32(_text(example).encode("utf-8", "replace")) % HELD == 0


def _text(example: Example) -> str:
    if example.body is not None:
        return last_user(example.body)
    return " ".join(sorted(example.read().words))


def _recipe(target: str) -> Recipe:
    recipe = GAIN if target == "gain" else RATING
    return Recipe(recipe.penalty, recipe.taught, SIZES[target])


def _rows(examples: Sequence[Example], target: str) -> Rows:
    known = all(example.weak is not None and example.strong is not None for example in examples)

    def column(name: str) -> np.ndarray[Any, Any]:
        return np.array([getattr(example, name) for example in examples], float)

    return Rows(
        [example.read() for example in examples],
        column(target),
        groups_of([_text(example) for example in examples], [example.group for example in examples]),
        column("weight"),
        column("weak") if known else None,
        column("strong") if known else None,
    )
