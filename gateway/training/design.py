"""The design: features as columns of a matrix, each scaled by how much may be learnt from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from routing.difficulty.dense import NAMES
from routing.difficulty.features import Feature, Features
from routing.difficulty.head import Head
from routing.difficulty.line import Line

LEAST = {"word": 3, "pair": 4, "bound": 4}
"""Texts that a feature must be in."""
BOUNDS = 1.2
"""How much of a word's scale a bound has."""
SHAPES = 0.15
"""The scale of shapes beside that of a whole text's words."""
SMOOTH = 3.0
"""How much dearer a bend is than a slope."""
KNOTS = 6
MAGNITUDES = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 18.0, 19.0)
_MAGNITUDE = frozenset(
    ("largest", "second", "first_bound", "second_bound", "largest_bound", "smallest_bound")
)


@dataclass(frozen=True)
class Design:
    """The columns: sparse features with their scales, then the bases of the shapes."""

    features: tuple[Feature, ...]
    scales: np.ndarray
    knots: tuple[tuple[float, ...], ...]
    bases: tuple[np.ndarray, ...]

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.features) + sum(int(base.shape[1]) for base in self.bases)

    def matrix(self, texts: Sequence[Features]) -> sparse.csr_matrix:
        """One row a text."""
        index = {feature: at for at, feature in enumerate(self.features)}
        columns: list[int] = []
        ends = [0]
        for text in texts:
            columns += [index[feature] for feature in text.sparse() if feature in index]
            ends.append(len(columns))
        shape = (len(texts), len(self.features))
        words = sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=shape)
        dense = np.array([text.dense for text in texts]).reshape(len(texts), len(NAMES))
        parts = [
            hats(dense[:, at], knots) @ base
            for at, (knots, base) in enumerate(zip(self.knots, self.bases, strict=True))
        ]
        return sparse.hstack([words @ sparse.diags(self.scales), np.hstack(parts)]).tocsr()

    def head(self, intercept: float, weights: np.ndarray) -> Head:
        """The head of a model fitted to the matrix."""
        size = len(self.features)
        named = {
            feature: float(weight)
            for feature, weight in zip(self.features, weights[:size] * self.scales, strict=True)
        }
        shapes: dict[str, Line] = {}
        start = size
        for name, knots, base in zip(NAMES, self.knots, self.bases, strict=True):
            values = base @ weights[start : start + base.shape[1]]
            start += base.shape[1]
            shapes[name] = (knots, tuple(map(float, values)))

        def kind(wanted: str) -> dict[Any, float]:
            return {name: weight for (found, name), weight in named.items() if found == wanted}

        return Head(intercept, kind("word"), kind("pair"), kind("bound"), shapes)


def design_of(texts: Sequence[Features], only: Iterable[Feature] | None = None) -> Design:
    """The design that these texts can bear; `only` are the sparse features that are wanted."""
    counts = Counter(feature for text in texts for feature in text.sparse())
    wanted = counts.keys() if only is None else set(only)
    features = sorted(
        (feature for feature, count in counts.items() if count >= LEAST[feature[0]] and feature in wanted),
        key=repr,
    )
    rarity = np.array([np.log(len(texts) / counts[feature]) + 1 for feature in features])
    weighed = rarity * np.array([BOUNDS if kind == "bound" else 1.0 for kind, _ in features])
    size = np.sqrt(
        sum(counts[feature] * scale**2 for feature, scale in zip(features, rarity, strict=True)) / len(texts)
    )
    dense = np.array([text.dense for text in texts])
    knots = tuple(knots_of(dense[:, at], name) for at, name in enumerate(NAMES))
    return Design(tuple(features), weighed / max(size, 1.0), knots, tuple(map(basis, knots)))


def knots_of(values: np.ndarray, name: str) -> tuple[float, ...]:
    """Where a feature's shape may bend."""
    if name in _MAGNITUDE:
        inside = [knot for knot in MAGNITUDES if values.min() <= knot <= values.max()]
        return tuple(inside) if len(inside) > 1 else (MAGNITUDES[0], MAGNITUDES[-1])
    knots = np.unique(np.round(np.quantile(values, np.linspace(0.01, 0.99, KNOTS)), 3))
    return tuple(map(float, knots)) if len(knots) > 1 else (float(knots[0]), float(knots[0]) + 1)


def hats(values: np.ndarray, knots: Sequence[float]) -> np.ndarray:
    """Each value as shares of the knots around it; beyond the outer knots all of the nearest."""
    eye = np.eye(len(knots))
    return np.stack([np.interp(values, knots, eye[at]) for at in range(len(knots))], axis=1)


def basis(knots: Sequence[float]) -> np.ndarray:
    """Columns in which a ridge penalty is one on the values at the knots and on their bends (P-splines).

    Eilers and Marx, Flexible smoothing with B-splines and penalties (Statistical Science 1996).
    """
    size = len(knots)
    penalty = np.eye(size)
    if size > 2:
        bends = np.diff(np.eye(size), 2, axis=0)
        penalty += SMOOTH * bends.T @ bends
    values, vectors = np.linalg.eigh(penalty)
    return np.asarray(SHAPES * vectors @ np.diag(values**-0.5) @ vectors.T)
