"""Limits: costs pause, and Prometheus is believed after three answers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from routing.evidence.cells import Cost, Evidence, Side
from routing.rollout.advance import advance
from routing.rollout.observed import Answer, Observed
from routing.rollout.plan import Query, Ratio
from tests.unit.routing.rollout.standing import HOUR, NOW, alike, begun, frozen, look, plan


def test_too_dear_pauses_and_never_rolls_back() -> None:
    wish = replace(
        plan(), ratios={"cost_per_request": Ratio(1.1, 0.02), "cost_per_success": Ratio(2.2, 0.02)}
    )
    costs = {
        Side(1, "compared", False): Cost(9_000, 9_000_000, 9_500_000_000),
        Side(1, "compared", True): Cost(1_000, 1_500_000, 2_400_000_000),
    }
    seen = Observed(Evidence(alike(10_000).evidence.cells, costs, {}, {}))
    step = advance(frozen(begun()), wish, seen, NOW + HOUR)
    assert (step.document.phase, step.document.phase_reason) == ("paused", "cost")
    assert step.transition is not None
    assert step.transition.reasons == (
        "cost_per_request: 1.50 times the baseline's, and surely over 1.46; 1.1 are allowed",
    )
    accepted = replace(frozen(begun()), accepted=("cost_per_request",))
    assert look(accepted, Observed(Evidence(alike().evidence.cells, costs, {}, {})), wish).stage == 2


INSIDE, OUTSIDE = 0.5, 5.0


def answers(*values: float | None, apart: int = 20_000) -> Observed:
    given = [Answer(NOW + HOUR - apart * (len(values) - 1 - at), value) for at, value in enumerate(values)]
    return Observed(alike().evidence, {"latency": given})


ASKED = replace(plan(), queries=(Query("latency", "p99()", None, 2.0),))


def test_three_answers_outside_in_a_row_roll_back() -> None:
    step = advance(frozen(begun()), ASKED, answers(INSIDE, OUTSIDE, OUTSIDE, OUTSIDE), NOW + HOUR)
    assert (step.document.phase, step.document.phase_reason) == ("rolled_back", "query")
    assert step.transition is not None
    assert step.transition.reasons == ("latency: 5 is outside max 2 (look 3 of 3 in a row)",)


@pytest.mark.parametrize(
    "seen",
    [
        answers(OUTSIDE, OUTSIDE),
        answers(OUTSIDE, OUTSIDE, None, OUTSIDE),
        answers(OUTSIDE, OUTSIDE, INSIDE, OUTSIDE),
        answers(OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, apart=5_000),
        answers(OUTSIDE, OUTSIDE, OUTSIDE, None),
        answers(OUTSIDE, OUTSIDE, OUTSIDE, float("nan")),
        answers(),
        Observed(alike().evidence, {"latency": [Answer(NOW, OUTSIDE)]}),
    ],
)
def test_anything_less_holds(seen: Observed) -> None:
    step = advance(frozen(begun()), ASKED, seen, NOW + HOUR)
    assert step.transition is None and step.evaluation is not None
    assert step.evaluation.queries["latency"].verdict == "inconclusive"


def test_an_answer_inside_promotes() -> None:
    assert look(frozen(begun()), answers(OUTSIDE, OUTSIDE, INSIDE), ASKED).stage == 2
    both = replace(plan(), queries=(Query("latency", "p99()", 0.4, None),))
    assert look(frozen(begun()), answers(INSIDE), both).stage == 2
    low = advance(frozen(begun()), both, answers(0.1), NOW + HOUR)
    assert low.evaluation is not None
    assert low.evaluation.verdict.reasons == ("latency: 0.1 is outside min 0.4 (look 1 of 3 in a row)",)
