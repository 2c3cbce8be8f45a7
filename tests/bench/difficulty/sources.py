"""What the built-in model's heads learn from: the development data as bodies of requests with ratings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gateway.training.fit import Rows
from gateway.training.folds import groups_of
from routing.difficulty.features import features_of
from routing.difficulty.line import at
from routing.difficulty.scales import BAEKJOON
from routing.difficulty.text import text_of
from tests.bench.difficulty.data import read

LABELS = {"easy": 1050.0, "medium": 1600.0, "hard": 2250.0}
"""Where LeetCode's and AtCoder's labels lie on the Codeforces scale, on the whole."""


class Source(NamedTuple):
    """Rows of one file: bodies, ratings, groups, and how much each counts."""

    bodies: Sequence[dict[str, Any]]
    ratings: Sequence[float]
    groups: Sequence[object]
    weight: float = 1.0


def body_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a request's body."""
    return {
        "messages": row["messages"] if "messages" in row else [{"role": "user", "content": row["prompt"]}]
    }


def competitive(path: Path) -> dict[str, list[Source]]:
    """Sources of the two heads for competitive programming; the first of each is what it is judged by.

    English ones are rated as Codeforces does, Korean ones by Baekjoon's tiers, which are spread more evenly.
    """
    codeforces, baekjoon = read(path, "codeforces_rated"), read(path, "baekjoon_tiers")
    contests = read(path, "livecodebench")
    korean = [row for row in baekjoon if row["lang"] == "ko"]
    english = [row for row in baekjoon if row["lang"] != "ko"]
    tiers = [even(row["tier"]) for row in english]
    return {
        "competitive-en": [
            _source(codeforces, [row["rating"] for row in codeforces], "contest"),
            _source(english, [at(BAEKJOON, row["tier"]) for row in english], "id", 0.1),
            _source(contests, [LABELS[row["difficulty"]] for row in contests], "contest", 0.1),
        ],
        "competitive-ko": [
            _source(korean, [even(row["tier"]) for row in korean], "id"),
            _source(english, tiers, "id", 0.7),
        ],
    }


def rows_of(sources: Sequence[Source]) -> Rows:
    """Rows to learn from; those of the first source come first."""
    bodies = [body for source in sources for body in source.bodies]
    names = [name for source in sources for name in source.groups]
    return Rows(
        [features_of(body) for body in bodies],
        np.array([rating for source in sources for rating in source.ratings], float),
        groups_of([text_of(body) for body in bodies], names),
        np.concatenate([np.full(len(source.bodies), source.weight) for source in sources]),
    )


def even(tier: float) -> float:
    """A tier in even steps on the range of Codeforces' ratings."""
    return 800.0 + (tier - 1) / 29 * 2_700


def tier_of(place: float) -> float:
    """The tier at a place that `even` gave."""
    return 1 + (place - 800.0) / 2_700 * 29


def _source(rows: list[dict[str, Any]], ratings: list[float], group: str, weight: float = 1.0) -> Source:
    return Source([body_of(row) for row in rows], ratings, [str(row[group]) for row in rows], weight)


def everyday(path: Path) -> dict[str, list[Source]]:
    """Sources of the other heads. Ratings are places on the Codeforces scale that suit the task."""
    reviews, orders = read(path, "nsmc_reviews"), read(path, "korean_orders_synthetic")
    questions, failures = [], []
    for name in ("routellm_gsm8k", "routellm_mmlu"):
        for row in read(path, name):
            questions.append(body_of(row))
            failures.append(1 - 0.6 * row["weak"] - 0.4 * row["strong"])
    for row in read(path, "routerbench_sub"):
        questions.append(body_of(row))
        failures.append(1 - float(np.mean(list(row["scores"].values()))))
    for row in read(path, "routellm_mtbench"):
        questions.append(body_of(row))
        failures.append(1 - row["weak"] / 10)
    return {
        "review": [_source(reviews, [850.0 + 400 * row["neutral"] for row in reviews], "id")],
        "order": [_source(orders, [850.0 + 650 * row["complex"] for row in orders], "id")],
        "other": [Source(questions, [800 + 1400 * failed for failed in failures], [None] * len(questions))],
    }
