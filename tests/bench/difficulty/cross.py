"""Cross-validation with the scorer that serves: heads are written, and score what they were not taught."""

from __future__ import annotations

from typing import Any

import numpy as np

from gateway.training.fit import Recipe, Rows, fit
from gateway.training.folds import folds_of
from gateway.training.judge import features_score
from gateway.training.write import head_file
from routing.difficulty.model import ANY, Model, Scale, read_model, write_model

FOLDS = 10
SEED = 0


def model_of(rows: Rows, recipe: Recipe, named: dict[str, float] | None = None) -> Model:
    """A model with one head for every text."""
    head = head_file(fit(rows, recipe).head, named=named)
    fields = {
        "name": "bench",
        "target": "rating",
        "scale": Scale("range", -1e6, 1e6),
        "created": "",
        "data": {},
        "metrics": {},
        "tokens": "plain",
        "heads": {ANY: head},
        "gate": None,
    }
    return read_model(write_model(fields))


def cross_validated(
    rows: Rows, recipe: Recipe, named: dict[str, float] | None = None, judged: int | None = None
) -> np.ndarray[Any, Any]:
    """The scores of the first `judged` rows by models that were taught neither them nor their likes."""
    scores = np.zeros(len(rows))
    for known, asked in folds_of(rows.groups, FOLDS, SEED):
        head = model_of(rows.part(known), recipe, named).head(ANY)
        for row in asked:
            scores[row] = features_score(head, rows.texts[row])
    return scores[:judged]
