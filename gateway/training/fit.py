"""Fitting a head: ridge regression of the target on the design."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge

from gateway.training.design import Design, design_of
from gateway.training.folds import folds_of
from gateway.training.teacher import gain_teacher
from routing.difficulty.features import Features
from routing.difficulty.head import Head

Array = np.ndarray[Any, Any]
INNER = 4
"""Folds by which the teacher judges what it was not taught."""


@dataclass(frozen=True)
class Rows:
    """What is learnt from: texts, their target, their groups, and how much each row counts.

    `weak` and `strong` are there when each row knows what both variants made of it.
    """

    texts: Sequence[Features]
    target: Array
    groups: Array
    weights: Array
    weak: Array | None = None
    strong: Array | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, at: Array) -> Rows:
        """Some of the rows."""
        return Rows(
            [self.texts[index] for index in at],
            self.target[at],
            self.groups[at],
            self.weights[at],
            None if self.weak is None else self.weak[at],
            None if self.strong is None else self.strong[at],
        )


@dataclass(frozen=True)
class Recipe:
    """How to fit: the ridge penalty (of a target with unit variance), and the teacher's share of a gain."""

    penalty: float = 1.2
    taught: float = 0.0
    size: int | None = None
    """The sparse features that are kept, those that matter most; None: all."""


RATING = Recipe()
GAIN = Recipe(penalty=5.0, taught=0.6)


@dataclass(frozen=True)
class Fitted:
    """A linear model over a design; the head's score is its prediction."""

    design: Design
    intercept: float
    weights: Array

    def predict(self, texts: Sequence[Features]) -> Array:
        """The raw scores of texts."""
        return np.asarray(self.design.matrix(texts) @ self.weights + self.intercept)

    @property
    def head(self) -> Head:
        """The same as a head, without a curve."""
        return self.design.head(self.intercept, self.weights)


def fit(rows: Rows, recipe: Recipe, step: Callable[[], None] = lambda: None) -> Fitted:
    """Fits the rows; `step` is called as each of INNER + 1 steps is done."""
    mean = float(np.average(rows.target, weights=rows.weights))
    spread = float(np.sqrt(np.average((rows.target - mean) ** 2, weights=rows.weights))) or 1.0
    design = design_of(rows.texts)
    matrix = design.matrix(rows.texts)
    target = (rows.target - mean) / spread
    lesson = _lesson(rows, matrix, target, spread, recipe, step)
    weights, intercept = _ridge(matrix, lesson, rows.weights, recipe.penalty)
    if recipe.size is not None and len(design.features) > recipe.size:
        frequency = np.asarray((matrix[:, : len(design.features)] != 0).mean(0)).ravel()
        matter = np.abs(weights[: len(design.features)] * design.scales) * np.sqrt(frequency)
        kept = [design.features[at] for at in np.argsort(-matter)[: recipe.size]]
        design = design_of(rows.texts, kept)
        weights, intercept = _ridge(design.matrix(rows.texts), lesson, rows.weights, recipe.penalty)
    step()
    return Fitted(design, mean + spread * intercept, spread * weights)


def predictions(
    rows: Rows, recipe: Recipe, folds: int = 5, seed: int = 0, step: Callable[[], None] = lambda: None
) -> Array:
    """What is predicted of each row by a model that was fitted without its group."""
    predicted = np.zeros(len(rows))
    for known, asked in folds_of(rows.groups, folds, seed):
        fitted = fit(rows.part(known), recipe, step)
        predicted[asked] = fitted.predict([rows.texts[at] for at in asked])
    return predicted


def _ridge(matrix: Any, target: Array, weights: Array, penalty: float) -> tuple[Array, float]:
    model = Ridge(alpha=penalty, solver="sparse_cg", tol=1e-4).fit(matrix, target, sample_weight=weights)
    return np.asarray(model.coef_), float(model.intercept_)


def _lesson(
    rows: Rows, matrix: Any, target: Array, spread: float, recipe: Recipe, step: Callable[[], None]
) -> Array:
    """The target; of a gain mixed with what a teacher says who has not seen it."""
    if rows.weak is None or rows.strong is None or not recipe.taught:
        for _ in range(INNER):
            step()
        return target
    dense = np.array([text.dense for text in rows.texts])
    judge = gain_teacher(matrix, dense, rows.weak, rows.strong)
    said = np.zeros(len(rows))
    for known, asked in folds_of(rows.groups, INNER, seed=9):
        said[asked] = judge(known, asked) / spread
        step()
    return np.asarray((1 - recipe.taught) * target + recipe.taught * (said - said.mean()))
