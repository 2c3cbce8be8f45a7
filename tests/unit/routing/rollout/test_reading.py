"""The reading: what people and programs are shown."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from routing.evidence.cells import Cost, Evidence, Side
from routing.rollout import words
from routing.rollout.advance import advance
from routing.rollout.command import command
from routing.rollout.document import Document
from routing.rollout.observed import NOTHING, Answer, Observed
from routing.rollout.plan import Plan, Query, Ratio
from routing.rollout.reading import intervals, reading
from tests.unit.routing.rollout.standing import HOUR, NOW, WORSE, alike, at, begun, evidence, observed, plan


def read(document: Document, seen: Observed, wish: Plan) -> dict[str, Any]:
    """What is shown after a look."""
    step = advance(document, wish, seen, NOW + HOUR)
    assert step.evaluation is not None
    found = intervals(step.document, seen, wish, step.evaluation)
    return reading(step.document, wish, step.evaluation, found, str)


def test_a_reading_has_the_fields_of_the_admin_api() -> None:
    wish = plan(metrics=("validation_passed",), validated=True)
    seen = observed({"validation_passed": (170, 1_890, 17, 212), "errors": (0, 1_900, 0, 215)})
    shown = read(begun(wish), seen, wish)
    one = shown.pop("guardrails")[0]
    assert shown == {
        "route": "solver", "segment": "hard", "baseline": "base", "candidate": "tuned", "phase": "running",
        "phase_reason": None, "stage": 1, "stages": [10, 50, 100], "weight": 10.0, "epoch": 1, "period": 1,
        "revision": 2, "since": str(NOW), "mode": "auto", "recommendation": None,
        "verdict": {
            "value": "inconclusive", "action": "hold", "reasons": ["validation_passed: 212 of 300 samples"],
        },
        "sample_ratio": {"verdict": "pass", "evidence": 0.2158, "evidence_needed": 1_000.0},
        "compared": 1.0, "warnings": [], "cooldown_until": None, "settle": None,
        "bake_weight": 98, "period_since": str(NOW),
    }  # fmt: skip
    assert one["metric"] == "validation_passed" and one["verdict"] == "inconclusive"
    assert one["baseline"] == {"n": 1_890, "rate": pytest.approx(1 - 170 / 1_890)}
    assert one["candidate"] == {"n": 212, "rate": pytest.approx(1 - 17 / 212)}
    difference = one["difference"]
    assert difference["estimate"] == pytest.approx(170 / 1_890 - 17 / 212)
    assert -0.2 < difference["lower"] < difference["estimate"] < difference["upper"] < 0.2
    assert one["evidence"]["harm_needed"] == 50 and one["evidence"]["safe_needed"] == 20
    assert 1_000 < one["units_to_go"] < 10_000
    assert one["coverage"] == pytest.approx({"baseline": 1_890 / 1_900, "candidate": 212 / 215})
    assert (one["tipping_point"], one["acts"]) == (None, True)
    assert one["reasons"] == ["validation_passed: 212 of 300 samples"]


def test_the_stage_is_never_above_those_of_the_plan() -> None:
    document = replace(at(begun(), 10, 50, 98), phase="baking", stage=3)
    assert read(document, NOTHING, plan(10))["stage"] == 1
    assert read(document, NOTHING, plan())["stage"] == 3


def test_bad_shares_are_shown_as_such() -> None:
    wish = plan(metrics=("errors",))
    one = read(begun(wish), observed({"errors": (90, 9_000, 20, 1_000)}), wish)["guardrails"][0]
    assert one["candidate"]["rate"] == 0.02
    assert one["difference"]["estimate"] == pytest.approx(0.01)
    assert one["difference"]["lower"] < 0.01 < one["difference"]["upper"]


def test_what_is_not_known_is_null() -> None:
    one = read(begun(), NOTHING, plan(validated=True))["guardrails"][0]
    assert one["baseline"] == one["candidate"] == {"n": 0, "rate": None}
    assert one["difference"] == {"estimate": None, "lower": None, "upper": None}
    assert one["coverage"] == {"baseline": None, "candidate": None}


def test_costs_and_queries_are_guardrails_too() -> None:
    wish = replace(
        plan(metrics=("validation_passed",), validated=True),
        ratios={"cost_per_success": Ratio(2.2, 0.02)}, queries=(Query("lag", "lag", 0.0, 1.0),),
    )  # fmt: skip
    cells = evidence({"validation_passed": (100, 1_000, 10, 100), "errors": (0, 1_000, 0, 100)}).cells
    costs = {
        Side(1, "compared", side): Cost(n, 2_000 * n, 5_000_000 * n)
        for side, n in ((False, 1_000), (True, 100))
    }
    seen = Observed(Evidence(cells, costs, {}, {}), {"lag": [Answer(NOW + HOUR, 0.5)]})
    _, cost, query = read(begun(wish), seen, wish)["guardrails"]
    assert cost["metric"] == "cost_per_success" and cost["verdict"] == "inconclusive"
    assert cost["baseline"] == {"n": 1_000, "rate": pytest.approx(0.002 / 0.9)}
    assert cost["ratio"] == {"estimate": None, "lower": None, "max": 2.2}
    assert cost["reasons"] == ["cost_per_success: needs 100 priced successes of each variant"]
    assert (query["metric"], query["verdict"], query["value"]) == ("prometheus.lag", "pass", 0.5)


def missing(ours: int, reference: int = 0) -> Observed:
    """The candidate's units of which validation is known: `ours` of a thousand, none of them failed more."""
    counts = {
        "errors": (90, 9_000, 10, 1_000), "needs_review": (0, 9_000, 0, ours),
        "validation_passed": (900, 9_000, ours // 10, ours),
    }  # fmt: skip
    return observed(counts, reference=reference)


def test_unequal_coverage_shows_what_would_turn_the_verdict() -> None:
    wish = plan(metrics=("validation_passed",))
    one = read(begun(wish), missing(850), wish)["guardrails"][0]
    assert one["verdict"] == "inconclusive"
    assert one["reasons"] == [
        "validation_passed: known of 100 % of the baseline's units and 85 % of the candidate's: unequal"
    ]
    assert 0.01 < one["tipping_point"] < 0.1
    full = read(begun(wish), missing(1_000), wish)["guardrails"][0]
    assert full["tipping_point"] is None


def test_a_pass_that_missing_outcomes_could_hide_shows_its_tipping_point() -> None:
    wish = plan(metrics=("validation_passed",))
    seen = observed({
        "errors": (0, 90_000, 0, 10_000), "needs_review": (0, 1, 0, 1),
        "validation_passed": (6_300, 63_000, 700, 7_000),
    })  # fmt: skip
    one = read(begun(wish), seen, wish)["guardrails"][0]
    assert one["reasons"] == ["validation_passed: known of 70 % of the baseline's units, less than 80 %"]
    assert 0.0 < one["tipping_point"] < 0.5


def test_a_promotion_shows_the_edit_that_settles_it() -> None:
    promoted = command(begun(), plan(), "promote", NOW, actor="ada", full=True).document
    whole, part = plan(), plan(whole=False)
    assert read(promoted, NOTHING, whole)["settle"] == {
        "path": "routes.solver", "remove": "rollout", "add": "variant: tuned",
        "text": "in the route `solver`, put `variant: tuned` in the place of `rollout: …`",
    }  # fmt: skip
    shown = read(promoted, NOTHING, part)
    assert shown["settle"]["path"] == "routes.solver.segments[hard]"
    assert shown["settle"]["text"].startswith("in the segment `hard` of the route `solver`, put")
    assert shown["weight"] == 100.0
    cooling = replace(promoted, phase="rolled_back", cooldown_until=NOW + 1)
    assert read(cooling, NOTHING, whole)["cooldown_until"] == str(NOW + 1)


def test_what_has_ended_shows_what_it_ended_with() -> None:
    wish = plan(metrics=("validation_passed",))
    document = advance(begun(wish), wish, observed(WORSE), NOW).document
    shown = read(document, observed(WORSE), wish)
    assert (shown["phase"], shown["weight"]) == ("rolled_back", 0.0)
    assert shown["verdict"] == {"value": "fail", "action": "hold", "reasons": ["rolled back"]}
    (one,) = shown["guardrails"]
    assert (one["verdict"], one["candidate"]["n"]) == ("fail", 1_000)
    assert one["difference"]["upper"] < 0
    later = advance(document, wish, NOTHING, NOW + HOUR)
    assert later.document is document, "late outcomes are shown, and change nothing"


def test_intervals_are_of_the_newest_period_and_what_it_compares() -> None:
    wish = plan(metrics=("validation_passed", "errors"))
    assert set(intervals(begun(wish), alike(), wish)) == {"validation_passed", "errors"}
    assert intervals(begun(wish), Observed(evidence({"errors": (1, 9, 1, 9)}, period=2)), wish) == {}


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        (0, "0 s"), (-5, "0 s"), (500, "1 s"), (1_500, "1.5 s"), (60_000, "1 min"), (5_400_000, "1.5 h"),
        (7 * 86_400_000, "7 d"),
    ],
)  # fmt: skip
def test_spans_are_written_for_people(milliseconds: int, written: str) -> None:
    assert words.span(milliseconds) == written


def test_figures_are_written_for_people() -> None:
    assert words.rate("validation_passed", 640, 0.138) == "86.2 % of 640 passed"
    assert words.rate("errors", 1_000, 0.02) == "2.0 % of 1,000 failed"
    assert [words.points(each) for each in (0.01, 0.005, 0.03)] == ["1 point", "0.5 points", "3 points"]
    assert words.rate("score", 20, 0.25) == "a score of 0.750 over 20"
    assert words.rate("score", 0, None) == "nothing known"
    assert [words.evidence(each) for each in (0.123, 50.4, 5e7)] == ["0.12", "50", "over a million"]
    assert plan().to_json()["stages"][0]["weight"] == 1_000
    assert plan().hash == plan().hash != plan(5).hash
    assert plan(12.5).stages[0].weight == 1_250  # type: ignore[arg-type]
