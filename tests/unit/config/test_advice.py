from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.load import parse
from tests.unit.config.made import HASH, loaded, small, warnings

RETIRING = "routes.solver.variants.tuned.model: `ft:gpt-4.1-mini-2025-04-14` will be retired on 2027-01-14"
KEY = f"server: {{keys: [{{name: a, hash: '{HASH}', scopes: [chat], routes: [solver]}}]}}\n"
BLIND = "nobody can report what it needs: no key with the scope `outcomes` may use this route"


def rollout(guardrails: str = "{}") -> str:
    return f"rollout: {{baseline: base, candidate: tuned, stages: [10, 50, 100], guardrails: {guardrails}}}"


def about(text: str, words: str) -> list[str]:
    return [line for line in warnings(text) if words in line]


def test_a_rollout_that_is_well_warns_of_nothing_but_the_coming_retirement() -> None:
    (line,) = warnings(small(rollout()))
    assert line.startswith(RETIRING)


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2026, 10, 15), []),
        (date(2026, 10, 16), ["will be retired on 2027-01-14"]),
        (date(2027, 1, 14), ["was retired on 2027-01-14"]),
    ],
)
def test_retirement_is_told_in_its_last_days_and_after(today: date, told: list[str]) -> None:
    found = parse(small("variant: base"), base=Path(), environ={}, today=today)
    assert [line.message.split("` ", 1)[1].split(",")[0] for line in found.warnings] == told


def test_an_unpriced_model_is_told_with_its_line() -> None:
    text = small("variant: base").replace("gpt-4.1-mini}", "somebodys-model}")
    (problem,) = [it for it in loaded(text).warnings if "unpriced" in it.message]
    assert (problem.path, problem.line) == ("routes.solver.variants.base", 7)


def test_an_entry_that_the_table_lacks_is_told() -> None:
    text = small("variant: base").replace("model: gpt-4.1-mini}", "model: m, price: groq/nothing}")
    (line,) = about(text, "price")[:1]
    assert line.startswith("routes.solver.variants.base.price: the price table has no entry `groq/nothing`")


def test_an_entry_of_the_same_model_is_suggested() -> None:
    text = small("variant: base").replace("model: gpt-4.1-mini}", "model: llama-3.1-8b-instant}")
    (line,) = about(text, "unpriced")
    assert "such as `price: " in line and line.endswith("/llama-3.1-8b-instant`")


def test_an_untried_vendor_of_litellms_is_told() -> None:
    text = """
        upstreams: {else: {provider: litellm}}
        routes: {r: {variants: {v: {upstream: else, model: MODEL, price: {request: 1}}}, variant: v}}
    """
    (line,) = about(text.replace("MODEL", "bedrock/m"), "vendor")
    assert "`bedrock` has not been tried" in line and "anthropic" in line
    assert warnings(text.replace("MODEL", "anthropic/m")) == []


def test_a_simulated_upstream_needs_no_price() -> None:
    text = """
        upstreams: {toy: {provider: simulated}}
        routes: {r: {variants: {v: {upstream: toy, model: m}}, variant: v}}
    """
    assert warnings(text) == []


def test_a_price_ratio_that_alone_breaks_the_limit_is_told() -> None:
    (line,) = about(small(rollout("{cost_per_request: on}")), "max_ratio")
    assert "2.00 times the baseline's or more, which alone breaks `max_ratio` 1.1" in line
    assert about(small(rollout("{cost_per_success: {max_ratio: 2.2}}")), "max_ratio") == []


@pytest.mark.parametrize(
    ("tuned", "told"),
    [
        ("{input: 0.1, output: 9}", False),  # cheaper in one part: it depends on the requests
        ("{input: 1, output: 9}", True),
        ("{request: 5}", False),  # for no part of the baseline's price
    ],
)
def test_a_ratio_is_told_only_if_no_mix_of_tokens_can_keep_it(tuned: str, told: bool) -> None:
    text = small(rollout("{cost_per_request: on}")).replace(':abc"}', f':abc", price: {tuned}}}')
    assert bool(about(text, "max_ratio")) is told


def test_cost_that_cannot_be_measured_is_told() -> None:
    text = small(rollout("{cost_per_request: on}")).replace("gpt-4.1-mini}", "unknown-model}")
    assert len(about(text, "cost_per_request: cannot be measured: the variant `base` is unpriced")) == 1


def test_guardrails_that_nobody_can_report_are_told() -> None:
    guardrails = "{needs_review: on, score: on, cost_per_success: {max_ratio: 3}}"
    told = about(KEY + small(rollout(guardrails)), BLIND)
    metrics = [line.split(": ")[0].rsplit(".", 1)[1] for line in told]
    assert sorted(metrics) == ["cost_per_success", "needs_review", "score", "validation_passed"]
    validated = KEY + small(rollout(guardrails) + "\nvalidators: [{type: json}]")
    metrics = [line.split(": ")[0].rsplit(".", 1)[1] for line in about(validated, BLIND)]
    assert sorted(metrics) == ["needs_review", "score"]
    assert about(small(rollout(guardrails)), BLIND) == []
    assert about((KEY + small(rollout(guardrails))).replace("[chat]", "[outcomes]"), BLIND) == []


def test_outcomes_that_are_never_wanted_are_told() -> None:
    text = small(rollout() + "\noutcomes: {sample: 0%}")
    (line,) = about(text, "nobody can report")
    assert line.endswith("`outcomes.sample` is 0%")


def test_switching_off_what_the_gateway_measures_itself_is_told() -> None:
    told = about(small(rollout("{errors: off, latency_p95: off}")), "but promotion waits for it")
    assert [line.split(": ")[0].rsplit(".", 1)[1] for line in told] == ["errors", "latency_p95"]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("stages: [10, 50, 100], holdout: 50%", ["holdout: the bake, at 50%, is not above the stage"]),
        ("stages: [10, 98, 100]", ["rollout: the bake, at 98%, is not above the stage"]),
        ("stages: [10, 50, 100], holdout: 49.99%", []),
        ("stages: [10, 50, 100], holdout: 60%, bake: 0s", []),
        ("stages: [10, 99, 100], holdout: 0%", []),
        ("stages: [10, 50], holdout: 60%", []),
        ("stages: [100], holdout: 60%", []),
    ],
)
def test_a_bake_below_the_stage_before_is_told(plan: str, told: list[str]) -> None:
    found = about(small(f"rollout: {{baseline: base, candidate: tuned, {plan}}}"), "the bake")
    assert len(found) == len(told)
    assert all(words in line for words, line in zip(told, found, strict=True))


def test_a_rollout_in_a_segment_is_told_at_its_place() -> None:
    text = small(f"""
        segments:
          - name: hard
            when: {{difficulty: {{gte: 2500}}}}
            {rollout("{errors: off}")}
          - {{name: rest, variant: base}}
    """)
    (problem,) = [it for it in loaded(text).warnings if "promotion waits for it" in it.message]
    assert (problem.path, problem.line) == ("routes.solver.segments[0].rollout.guardrails.errors", 12)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("{gain: {top: 20%}}", "gain: never holds: the route's `difficulty.estimate` is none"),
        ("{difficulty: {gte: 25}}", "difficulty.gte: lies outside the route's difficulty scale, 800 to 3500"),
        (
            "{difficulty: {in: [900, 9000]}}",
            "difficulty.in: lies outside the route's difficulty scale, 800 to 3500",
        ),
        ("{difficulty: {gte: 2500, exists: true}}", None),
    ],
)
def test_a_condition_that_makes_no_sense_is_told(when: str, told: str | None) -> None:
    text = small(f"segments:\n- {{name: a, when: {when}, variant: base}}\n- {{name: b, variant: base}}")
    lines = about(text, "segments[0].when.")
    assert lines == ([f"routes.solver.segments[0].when.{told}"] if told else [])


def test_every_page_without_keys_is_every_page_of_this_machine() -> None:
    cors = "cors: {origins: ['*']}"
    text = small("variant: base")
    assert about(f"server: {{{cors}}}\n{text}", "any web page")
    assert not about(KEY.replace("server: {", f"server: {{{cors}, ") + text, "any web page")


@pytest.mark.parametrize(
    ("timeouts", "told"),
    [
        ("{total: 5s, first_token: 60s}", ["first_token"]),
        ("{idle: 11m, connect: 11m}", ["connect", "idle"]),
        ("{total: 5s}", []),
        ("{total: 5s, first_token: 5s}", []),
    ],
)
def test_a_time_that_can_never_pass_is_told(timeouts: str, told: list[str]) -> None:
    lines = about(small(f"variant: base\ntimeouts: {timeouts}"), "is never reached: `total` ends the request")
    assert [line.split(":")[0] for line in lines] == [f"routes.solver.timeouts.{name}" for name in told]


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("variant: base\nfallbacks: [tuned, base]", ["routes.solver.fallbacks[1]"]),
        ("variant: base\nfallbacks: [tuned]", []),
        ("weights: {base: 50, tuned: 50}\nfallbacks: [base, tuned]", []),
        (
            "segments: [{name: a, when: {language: ko}, variant: tuned}, {name: b, variant: base}]\n"
            "fallbacks: [base]",
            [],
        ),
    ],
)
def test_a_fallback_to_itself_is_told(rest: str, told: list[str]) -> None:
    assert [line.split(":")[0] for line in about(small(rest), "is not asked again")] == told


@pytest.mark.parametrize("provider", ["openai", "gemini", "litellm"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses/", "/v1/embeddings"])
def test_an_address_of_an_endpoint_is_told(provider: str, path: str) -> None:
    text = f"""
        upstreams: {{it: {{provider: {provider}, base_url: "http://lab:8000{path}"}}}}
        routes: {{r: {{variants: {{v: {{upstream: it, model: openai/m, price: {{}}}}}}, variant: v}}}}
    """
    (line,) = about(text, "is added to it for every call")
    assert line.startswith("upstreams.it.base_url: ")
    assert about(text.replace(path, "/v1"), "is added to it") == []
