"""What is measured, and beside what: ratings, gains, disturbances, shares after a shift, microseconds."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gateway.training.fit import GAIN, Recipe, Rows
from gateway.training.folds import folds_of, groups_of
from gateway.training.measures import Interval, Ranking, interval, resamples, spearman
from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.features import features_of
from routing.difficulty.model import read_model
from routing.difficulty.quantile import RollingSample
from tests.bench.difficulty.build import OUT, PENALTIES, SIZES
from tests.bench.difficulty.cross import SEED, cross_validated, model_of
from tests.bench.difficulty.data import Pair, pairs
from tests.bench.difficulty.disturb import DISTURBANCES
from tests.bench.difficulty.keywords import keyword_score
from tests.bench.difficulty.sources import Source, body_of, competitive, even, rows_of
from tests.bench.difficulty.techniques import techniques

RUNS = 200
"""Bootstrap resamples."""
DISTURBED = 500
"""Texts of each set that are disturbed."""
Scores = dict[str, list[float]]
"""By router."""


def ratings(path: Path) -> dict[str, Any]:
    """Spearman's correlation and AUC of each router on rated problems."""
    hard = {"competitive-en": 2500.0, "competitive-ko": even(16)}
    named = techniques(path)
    return {
        task: _rated(task, sources, hard[task], named[task]) for task, sources in competitive(path).items()
    }


def _rated(task: str, sources: list[Source], hard: float, named: dict[str, float]) -> dict[str, Any]:
    rows, first = rows_of(sources), sources[0]
    size = len(first.bodies)
    recipe = Recipe(penalty=PENALTIES.get(task, 1.2), size=SIZES[task])
    texts = [body["messages"][0]["content"] for body in first.bodies]
    scores: Scores = {
        "random": _random(size),
        "length": [float(len(text)) for text in texts],
        "keywords": [keyword_score(text) for text in texts],
        "ours": cross_validated(rows, recipe, named, size).tolist(),
    }
    weights = [1.0] * size
    samples = resamples(weights, rows.groups[:size].tolist(), SEED, RUNS)
    truth = Ranking(first.ratings)
    heavy = [rating >= hard for rating in first.ratings]
    found: dict[str, Any] = {"rows": size}
    for name, values in scores.items():
        ranking = Ranking(values)
        found[name] = {
            "spearman": interval(spearman(ranking, truth), weights, samples),
            "auc": interval(lambda weights, ranking=ranking: ranking.auc(heavy, weights), weights, samples),
        }
    return found


def gains(path: Path) -> dict[str, Any]:
    """APGR and CPT of each router on each set with two variants' outcomes, and the curves."""
    return {pair.name: _gained(pair) for pair in pairs(path)}


def _gained(pair: Pair) -> dict[str, Any]:
    texts = [row["prompt"] for row in pair.rows]
    groups = groups_of(texts, [row.get("contest") for row in pair.rows])
    gain = pair.strong - pair.weak
    features = [features_of(body_of(row)) for row in pair.rows]
    rows = Rows(features, gain, groups, np.ones(len(texts)), pair.weak, pair.strong)
    scores: Scores = {
        "random": _random(len(texts)),
        "length": [float(len(text)) for text in texts],
        "keywords": [keyword_score(text) for text in texts],
        "ours": cross_validated(rows, GAIN).tolist(),
        "oracle": gain.tolist(),
    }
    weights, values = [1.0] * len(texts), gain.tolist()
    samples = resamples(weights, groups.tolist(), SEED, RUNS)
    found: dict[str, Any] = {
        "rows": len(texts), "weak": float(pair.weak.mean()), "strong": float(pair.strong.mean()),
    }  # fmt: skip
    for name, by in scores.items():
        ranking = Ranking(by)
        found[name] = {
            "apgr": interval(
                lambda weights, ranking=ranking: ranking.apgr(values, weights), weights, samples
            ),
            "cpt50": ranking.cpt(values, weights, 0.5),
            "cpt80": ranking.cpt(values, weights, 0.8),
            "curve": _thinned(*ranking.curve(values, weights)),
        }
    return found


def disturbed(path: Path) -> dict[str, Any]:
    """The share of texts that change side when disturbed; the model was not taught them."""
    found: dict[str, Any] = {}
    named = techniques(path)
    for task, sources in competitive(path).items():
        rows = rows_of(sources)
        recipe = Recipe(penalty=PENALTIES.get(task, 1.2), size=SIZES[task])
        known, asked = next(iter(folds_of(rows.groups, 4, SEED)))
        estimator = ModelEstimator(model_of(rows.part(known), recipe, named[task]))
        bodies = [body for source in sources for body in source.bodies]
        texts = [bodies[row]["messages"][0]["content"] for row in asked if row < len(sources[0].bodies)]
        found[task] = _flips(texts[:DISTURBED], lambda text, one=estimator: _score(one, text))
    return found


def _flips(texts: list[str], score: Callable[[str], float]) -> dict[str, Any]:
    before = np.array([score(text) for text in texts])
    found: dict[str, Any] = {"rows": len(texts)}
    for name, (disturb, limit) in DISTURBANCES.items():
        draw = random.Random(SEED)
        after = np.array([score(disturb(text, draw)) for text in texts])
        found[name] = {"limit": limit}
        for share in (0.5, 0.2):
            bound = np.quantile(before, 1 - share)
            found[name][f"top {share:.0%}"] = float(np.mean((before >= bound) != (after >= bound)))
    return found


def shifted(path: Path) -> dict[str, Any]:
    """The share that is sent in the 500 requests after another domain begins, by a constant and by ours."""
    estimator = ModelEstimator(read_model(OUT.read_bytes()))
    prompts = {pair.name: [row["prompt"] for row in pair.rows[:2000]] for pair in pairs(path)[:4]}
    prompts |= {
        task: [body["messages"][0]["content"] for body in sources[0].bodies[:2000]]
        for task, sources in competitive(path).items()
    }
    sets = {name: [_score(estimator, text) for text in texts] for name, texts in prompts.items()}
    found = {}
    for before, after in (
        ("mmlu", "livecodebench-1"), ("livecodebench-1", "mmlu"), ("gsm8k", "competitive-en"),
        ("competitive-en", "competitive-ko"), ("routerbench", "mmlu"),
    ):  # fmt: skip
        for share in (0.1, 0.2):
            found[f"{before} → {after}, {share:.0%}"] = _shift(sets[before], sets[after], share)
    return found


def _shift(before: Sequence[float], after: Sequence[float], share: float) -> dict[str, Any]:
    constant, ours, within = [], [], []
    fixed = float(np.quantile(before, 1 - share))
    for seed in range(50):
        draw = random.Random(seed)
        sample = RollingSample()
        for score in draw.choices(before, k=1_000):
            sample.add(score)
            sample.threshold(share)
        new = draw.choices(after, k=500)
        sent = 0
        for score in new:
            threshold = sample.threshold(share)
            sent += threshold is not None and score >= threshold
            sample.add(score)
        ours.append(sent / 500)
        within.append(abs(sent / 500 - share) <= 0.02)
        constant.append(sum(score >= fixed for score in new) / 500)
    return {
        "constant": float(np.mean(constant)), "ours": float(np.mean(ours)),
        "worst": float(max(abs(one - share) for one in ours)), "within": float(np.mean(within)),
    }  # fmt: skip


def microseconds(path: Path) -> dict[str, Any]:
    """An estimate's cost at 1,500 characters, one text ten times and text after text; and at 1 MB."""
    estimator = ModelEstimator(read_model(OUT.read_bytes()))
    bodies = [body for sources in competitive(path).values() for body in sources[0].bodies]
    texts = [body["messages"][0]["content"] for body in bodies]
    long = [text[:1_500] for text in texts if len(text) >= 1_500]
    chosen = random.Random(SEED).sample(long, min(300, len(long)))
    again = [_best(lambda text=text: _score(estimator, text), 10) for text in chosen]
    rounds = [[_best(lambda text=text: _score(estimator, text), 1) for text in chosen] for _ in range(10)]
    turns = [min(times) for times in zip(*rounds, strict=True)]
    huge = {
        "prose": "The quick brown fox jumps over the lazy dog. " * 22_223,
        "Hangul": "가나다라마 바사아자 차카타 " * 66_667,
        "one token": "a" * 1_000_000,
    }
    return {
        "1,500 characters, the same again": _quantiles(again),
        "1,500 characters, one after another": _quantiles(turns),
        **{
            f"1 MB, {name}": {"p50": _best(lambda text=text: _score(estimator, text), 30)}
            for name, text in huge.items()
        },
    }


def _best(call: Callable[[], object], times: int) -> float:
    """Microseconds of the fastest call: what others do on the machine is not ours."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter_ns()
        call()
        best = min(best, (time.perf_counter_ns() - begun) / 1_000)
    return best


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    return {"p50": float(np.quantile(times, 0.5)), "p99": float(np.quantile(times, 0.99))}


def _score(estimator: ModelEstimator, text: str) -> float:
    score = estimator.estimate({"messages": [{"role": "user", "content": text}]}).score
    return 0.0 if score is None else score


def _random(size: int) -> list[float]:
    draw = random.Random(SEED)
    return [draw.random() for _ in range(size)]


def _thinned(shares: list[float], recovered: list[float]) -> list[tuple[float, float]]:
    """Fifty points of a curve."""
    places = np.linspace(0, 1, 51)
    return [
        (round(float(x), 3), round(float(y), 4))
        for x, y in zip(places, np.interp(places, shares, recovered), strict=True)
    ]


def as_json(found: dict[str, Any]) -> str:
    """All that was measured."""
    return json.dumps(found, default=lambda one: one._asdict() if isinstance(one, Interval) else str(one))
