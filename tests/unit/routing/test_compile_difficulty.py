"""From a route's `difficulty` and its conditions to what is estimated."""

from __future__ import annotations

from pathlib import Path

from config.load import parse
from routing.compile import compile_snapshot
from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.gate import TASKS
from routing.difficulty.model import read_model
from routing.snapshot import Difficulty
from tests.support import models
from tests.unit.routing.made import UNIT_KEY


def test_what_is_estimated_is_what_somebody_looks_at(tmp_path: Path) -> None:
    model = ModelEstimator(read_model(models.model(quantiles=(1000.0, 1500.0, 2000.0))))
    path = str(tmp_path / "model.json")
    estimators = {path: model, "heuristic": model}

    def difficulty(text: str, server: str = "server: {response_headers: minimal}") -> Difficulty:
        route = "  solver: {variants: {v: {upstream: sim, model: m}}, " + text + "}"
        written = f"{server}\nupstreams: {{sim: {{provider: simulated}}}}\nroutes:\n{route}"
        config = parse(written, base=tmp_path, environ={}).config
        made = compile_snapshot(config, revision=1, signing_keys=(), unit_key=UNIT_KEY, estimators=estimators)
        return made.routes["solver"].difficulty

    gain = "segments: [{name: a, when: {gain: {top: 20%}}, variant: v}, {name: b, variant: v}]"
    hard = "segments: [{name: a, when: {difficulty: {gte: 2000}}, variant: v}, {name: b, variant: v}]"
    assert difficulty("difficulty: {estimate: heuristic}, variant: v").estimator is None
    assert difficulty("difficulty: {estimate: heuristic}, variant: v", "server: {}").estimator is model
    assert difficulty("difficulty: {estimate: heuristic, strata: [1600]}, variant: v").estimator is model
    assert difficulty(f"difficulty: {{estimate: ./model.json}}, {hard}").estimator is model
    assert difficulty(hard).estimator is None
    gaining = difficulty(f"difficulty: {{estimate: model.json, scale: label}}, {gain}")
    assert (gaining.gains, gaining.onto) == ((2_000,), Difficulty("codeforces", 800.0, 3500.0))
    assert set(gaining.thresholds) == {(task, 2_000) for task in TASKS}
    assert set(gaining.thresholds.values()) == {1750.0}
