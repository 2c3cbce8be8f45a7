"""The teacher of gains: a model that is not linear, whose opinion a linear model learns from.

Whether one variant passed where the other failed says little of a single text. What a teacher says of a text
that it was not taught carries less noise, and the student is fitted to a mixture of both (Hinton, Vinyals
and Dean, Distilling the knowledge in a neural network, 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

Array = np.ndarray[Any, Any]
Teacher = Callable[[Array, Array], Array]
"""From the rows to learn from and the rows to judge, to what it says of the latter."""

STRENGTH = 0.7
"""Inverse regularisation of the logistic teachers."""


def gain_teacher(matrix: sparse.csr_matrix, dense: Array, weak: Array, strong: Array) -> Teacher:
    """How much likelier the strong variant passes, by a logistic model of each, and by the shape alone."""
    shapes = np.clip(StandardScaler().fit_transform(dense), -3, 3)

    def chance(passed: Array, known: Array, asked: Array) -> Array:
        labels = passed[known] >= 0.5
        if labels.all() or not labels.any():
            return np.full(len(asked), float(labels[0]))
        model = LogisticRegression(C=STRENGTH, solver="liblinear").fit(matrix[known], labels)
        return np.asarray(model.predict_proba(matrix[asked])[:, 1])

    def judge(known: Array, asked: Array) -> Array:
        words = chance(strong, known, asked) - chance(weak, known, asked)
        gain = strong[known] - weak[known]
        shape = Ridge(alpha=100.0).fit(shapes[known], gain).predict(shapes[asked])
        return np.asarray((words + shape) / 2)

    return judge
