"""Scores: stated, else estimated, else the default; what a gain is compared with; what adds up."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.decide import decide
from routing.difficulty.estimate import Estimate, Estimator, ModelEstimator
from routing.difficulty.head import Contribution
from routing.difficulty.model import Scale, read_model
from routing.difficulty.score import ESTIMATE, NO_MODEL, SHOWN, Absent, contributions, score_of
from routing.difficulty.thresholds import adjusted, first_thresholds
from routing.explain import explain
from routing.facts import Facts
from routing.snapshot import Condition, Difficulty, Fixed
from tests.support import models
from tests.unit.routing.made import BASE, GEMINI, facts, route, segment, snapshot, spread

MODEL = ModelEstimator(read_model(models.model(quantiles=tuple(range(1000, 2024)))))
GAIN = Scale("gain", 0.0, 1024.0)
GAINS = ModelEstimator(read_model(models.model(intercept=0.1, target="gain", scale=GAIN)))
SOURCES = (("header", ""), ("metadata.rating", "rating"))
CODEFORCES = Difficulty(sources=SOURCES, strata=(1600, 2200), estimator=MODEL)
TOP = Condition("gain", "", "top", 2_000)


def body(text: object, **metadata: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "metadata": metadata}


def score(text: object, difficulty: Difficulty = CODEFORCES, **metadata: object):
    return score_of(difficulty, {}, body(text, **metadata))


def gaining(estimator: Estimator, **fields: Any) -> Difficulty:
    onto = Difficulty(estimator.scale.name, estimator.scale.min, estimator.scale.max)
    return Difficulty(
        sources=SOURCES, estimator=estimator, gains=(2_000,), thresholds=first_thresholds(estimator, [2_000]),
        onto=onto if estimator.target == "rating" else None, **fields,
    )  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """Estimates whatever it is told to."""

    figure: float | None
    parts: tuple[Contribution, ...] = ()
    scale: Scale = Scale("codeforces", 800.0, 3500.0)
    target: str = "rating"
    hash: str = "odd"

    def estimate(self, body: Mapping[str, Any]) -> Estimate:
        return Estimate("other", self.figure)

    def contributions(self, body: Mapping[str, Any]) -> list[Contribution]:
        return list(self.parts)

    def expected(self, task: str) -> list[float]:
        return []


# ── where it comes from ──────────────────────────────────────────────────────────────────────────────


def test_the_text_is_estimated_where_nothing_is_stated() -> None:
    found = score(models.spelled(1000))
    assert spread(found)[:5] == (2000.0, ESTIMATE, "1600-2200", 2, False)
    assert (found.task, found.gain, found.reason) == ("other", 2000.0, "")
    assert spread(score(models.spelled(1000), rating=900)) == (
        900.0,
        "metadata.rating",
        "lt1600",
        1,
        False,
        "",
        None,
        "",
    )


def test_an_invalid_rating_is_told_of_and_the_text_decides() -> None:
    found = score(models.spelled(1000), rating=True)
    assert (found.value, found.source, found.invalid) == (2000.0, ESTIMATE, True)


def test_without_an_estimate_the_default_counts_and_says_why() -> None:
    found = score("", Difficulty(default=1200, strata=(1600,), estimator=MODEL))
    assert (found.value, found.source, found.stratum, found.reason) == (
        1200.0,
        "default",
        "lt1600",
        "no_text",
    )
    found = score("hi", Difficulty(estimator=Absent()))
    assert spread(found) == (None, "none", "none", 0, False, "", None, NO_MODEL)


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_what_is_no_number_is_a_failure(figure: float) -> None:
    found = score("hi", Difficulty(default=1200, estimator=Odd(figure)))
    assert (found.value, found.source, found.reason) == (1200.0, "default", "failed")


@given(text=st.text(), rating=st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none()))
def test_total_whatever_comes(text: str, rating: object) -> None:
    found = score(text, rating=rating)
    assert found.value is None or 800 <= found.value <= 3500


def test_estimates_are_on_the_routes_scale() -> None:
    assert score(models.spelled(0), Difficulty("range", 0.0, 100.0, estimator=GAINS)).value < 0.1
    assert score(models.spelled(1023), Difficulty("range", 0.0, 100.0, estimator=GAINS)).value > 99
    assert score(models.spelled(1000), Difficulty("label", 1.0, 3.0, estimator=MODEL)).value == 3.0


# ── gains ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rating_counts_for_the_gain_of_a_model_of_ratings() -> None:
    found = score(models.spelled(0), gaining(MODEL), rating=3000)
    assert (found.value, found.source, found.task, found.gain) == (3000.0, "metadata.rating", "other", 3000.0)
    assert score("", gaining(MODEL), rating=3000).gain == 3000.0


def test_a_model_of_gains_looks_at_the_text_all_the_same() -> None:
    found = score(models.spelled(512), gaining(GAINS), rating=900)
    assert found.value == 900.0 and found.gain == pytest.approx(512.1)
    assert score("", gaining(GAINS), rating=900).gain is None


def table(difficulty: Difficulty):
    top = segment(Fixed(BASE), TOP, name="top")
    return snapshot(route(top, segment(Fixed(GEMINI), name="rest"), difficulty=difficulty))


def asked(text: object) -> Facts:
    return facts(messages=body(text)["messages"])


def test_the_top_share_of_training_until_more_is_known() -> None:
    gains = table(gaining(MODEL))
    assert decide(gains, asked(models.spelled(900))).segment.name == "top"
    assert decide(gains, asked(models.spelled(700))).segment.name == "rest"
    assert decide(gains, asked("")).segment.name == "rest"


def test_a_model_without_quantiles_begins_with_nobody() -> None:
    assert decide(table(gaining(GAINS)), asked(models.spelled(1023))).segment.name == "rest"
    assert decide(table(CODEFORCES), asked(models.spelled(1023))).segment.name == "rest"


def test_thresholds_that_are_told_replace_those_of_training() -> None:
    gains = table(gaining(MODEL))
    told = {("other", 2_000): 1500.0}
    moved = adjusted(gains, {"solver": (MODEL.hash, told), "gone": (MODEL.hash, told)})
    assert decide(moved, asked(models.spelled(700))).segment.name == "top"
    assert moved.names["gpt-5"] is moved.routes["solver"] and moved.revision == gains.revision
    assert decide(gains, asked(models.spelled(700))).segment.name == "rest", "the old one is as it was"
    assert adjusted(gains, {"solver": ("another model", told)}) == gains
    assert adjusted(table(Difficulty()), {"solver": (MODEL.hash, told)}) == table(Difficulty())


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────


def test_explained_on_the_routes_scale() -> None:
    gains = table(gaining(MODEL, scale="range", minimum=0.0, maximum=100.0))
    told = explain(gains, asked(models.spelled(900)))
    difficulty, (condition,) = told["difficulty"], told["conditions"]
    assert difficulty["score"] == condition["value"] == pytest.approx((1900 - 800) / 27)
    assert difficulty["threshold"] == pytest.approx((1818.5 - 800) / 27, rel=0.01)
    assert sum(part["value"] for part in difficulty["contributions"]) == pytest.approx(difficulty["score"])
    assert (difficulty["task"], difficulty["model"]) == ("other", MODEL.hash)
    assert "reason" not in difficulty


def test_explained_without_an_estimate() -> None:
    told = explain(table(gaining(MODEL)), asked(""))
    assert told["conditions"][0]["value"] is None and told["difficulty"]["contributions"] == []
    assert (told["difficulty"]["reason"], told["difficulty"]["threshold"]) == ("no_text", None)
    assert explain(table(Difficulty()), asked("hi"))["conditions"][0]["value"] is None
    stated = Facts("chat", "solver", facts().key, {b"x-headgate-difficulty": b"x"}, body("hi"), bytes(12))
    invalid = explain(table(Difficulty(sources=SOURCES, estimator=Absent())), stated)["difficulty"]
    assert (invalid["reason"], invalid["model"]) == (NO_MODEL, None)
    assert explain(table(Difficulty(sources=SOURCES)), stated)["difficulty"]["reason"] == "rating_invalid"


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=60))
@example([1234.5])
@example([20.575] * 60)
def test_the_largest_contributions_and_the_rest_add_up(values: list[float]) -> None:
    parts = tuple(Contribution("word", str(at), value) for at, value in enumerate(values))
    told = contributions(CODEFORCES, Odd(0.0, parts), {}, 1234.5)
    assert sum(part.value for part in told) == pytest.approx(1234.5)
    assert len(told) <= SHOWN + 2


def test_what_stands_for_a_missing_model_knows_nothing() -> None:
    absent = pickle.loads(pickle.dumps(Absent()))
    assert absent == Absent() and absent.contributions({}) == absent.expected("other") == []
