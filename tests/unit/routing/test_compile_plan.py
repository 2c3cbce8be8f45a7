"""Plans and identities, from configurations as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from config.routes import Route
from routing.compile_plan import compile_plan, identity_of
from routing.rollout.plan import Limits, Plan, Query, Ratio, Stage

VARIANTS = {
    "base": {"upstream": "openai", "model": "gpt-4.1-mini"},
    "tuned": {
        "upstream": "openai",
        "model": "ft:1",
        "parameters": {"temperature": 0.3},
        "drop": ["seed", "user"],
    },
}
ROLLOUT = {"baseline": "base", "candidate": "tuned", "stages": [10, 50, 100]}


def route(rollout: Any = ROLLOUT, **keys: Any) -> Route:
    return Route.model_validate({"variants": VARIANTS, "rollout": rollout, **keys})


def compiled(**keys: Any) -> Plan:
    wish = route({**ROLLOUT, **keys})
    assert wish.rollout is not None
    return compile_plan(wish, wish.rollout)


def test_the_defaults_are_those_of_the_method() -> None:
    hour = 3_600_000
    assert compiled() == Plan(
        stages=tuple(Stage(weight, 300, 24 * hour, 168 * hour) for weight in (1_000, 5_000, 10_000)),
        mode="auto", start="auto", coverage=8_000, bake=72 * hour, holdout=200, cooldown=hour, depth=3,
        comparisons={
            "validation_passed": Limits(0.0, 0.02, 0.03, 0.05),
            "errors": Limits(0.005, 0.01, 0.01, 0.05),
            "latency_p95": Limits(0.025, 0.005, 0.05, 0.05),
        },
    )  # fmt: skip


def test_everything_can_be_said_otherwise() -> None:
    plan = compiled(
        stages=[{"weight": 12.5, "min_samples": 5, "min_duration": "0s", "max_duration": "1h"}],
        mode="manual", start="manual", coverage="50%", bake="0s", holdout="5%", cooldown="0s",
        outcomes_per_unit=1,
        guardrails={
            "needs_review": {"harm": "1pt"}, "cost_per_success": {"max_ratio": 2.2},
            "prometheus": [{"name": "lag", "query": "lag()", "max": 2}],
        },
    )  # fmt: skip
    assert plan.stages == (Stage(1_250, 5, 0, 3_600_000),)
    assert (plan.mode, plan.start, plan.coverage, plan.depth) == ("manual", "manual", 5_000, 1)
    assert (plan.bake, plan.holdout, plan.cooldown, plan.bakes) == (0, 500, 0, False)
    assert plan.comparisons["needs_review"] == Limits(0.01, 0.01, 0.02, 0.05)
    assert list(plan.comparisons) == ["validation_passed", "needs_review", "errors", "latency_p95"]
    assert plan.ratios == {"cost_per_success": Ratio(2.2, 0.02)}
    assert plan.queries == (Query("lag", "lag()", None, 2.0),)


def test_what_the_gateway_measures_itself_is_always_needed_to_promote() -> None:
    plan = compiled(guardrails={"errors": "off", "latency_p95": "off", "validation_passed": "off"})
    assert {metric: limits.armed for metric, limits in plan.comparisons.items()} == {
        "errors": False, "latency_p95": False,
    }  # fmt: skip


def test_validators_answer_for_outcomes_where_they_count() -> None:
    validators = [{"type": "json"}]
    for keys, validated in (
        ({}, False),
        ({"validators": validators}, True),
        ({"validators": validators, "validation": "application"}, False),
    ):
        wish = route(**keys)
        assert wish.rollout is not None
        plan = compile_plan(wish, wish.rollout)
        assert (plan.validated, plan.whole) == (validated, True)


def test_a_plan_survives_json() -> None:
    assert Plan.from_json(compiled().to_json()) == compiled()


def definition(**changes: Any) -> str:
    tuned = {**VARIANTS["tuned"], **changes}
    wish = route(variants={**VARIANTS, "tuned": tuned})
    return identity_of("solver", wish, wish.parts[0]).definition


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "ft:2"}, {"upstream": "other"}, {"parameters": {}}, {"override": {"n": 1}}, {"drop": []},
        {"system": {"replace": "Be brief."}}, {"system": {"prepend": "Be brief."}},
    ],
)  # fmt: skip
def test_another_variant_is_another_definition(changes: Any) -> None:
    assert definition(**changes) != definition()


@pytest.mark.parametrize("changes", [{"price": {"input": 1}}, {"drop": ["user", "seed"]}])
def test_prices_and_order_make_no_other_variant(changes: Any) -> None:
    assert definition(**changes) == definition()


def test_an_identity_tells_the_two_variants_apart() -> None:
    wish = route()
    identity = identity_of("solver", wish, wish.parts[0])
    assert identity[:4] == ("solver", "all", "base", "tuned")
    swapped = route({**ROLLOUT, "baseline": "tuned", "candidate": "base"})
    other = identity_of("solver", swapped, swapped.parts[0])
    assert (other.baseline_hash, other.candidate_hash) == (identity.candidate_hash, identity.baseline_hash)
    fixed = Route.model_validate({"variants": VARIANTS, "variant": "base"})
    with pytest.raises(ValueError, match="no rollout"):
        identity_of("solver", fixed, fixed.parts[0])
