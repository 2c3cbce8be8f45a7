from __future__ import annotations

import hashlib

import pytest

from config.environment import from_environment
from config.problems import ConfigError
from config.schema import Config
from tests.unit.config.made import TODAY

OPENAI = {"OPENAI_API_KEY": "sk-openai"}
BOTH = {**OPENAI, "GEMINI_API_KEY": "sk-gemini"}
TUNED = "ft:gpt-4.1-mini-2025-04-14:acme:cp:abc"


def made(environ: dict[str, str]) -> Config:
    return from_environment(environ, today=TODAY).config


def refusal(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_environment(environ)
    return str(caught.value).splitlines()


def test_one_key_suffices() -> None:
    config = made({**OPENAI, "OPENAI_FINETUNED_MODEL": ""})
    route = config.routes["default"]
    assert (route.variant, route.fallbacks, route.names) == ("openai", (), ("gpt-4.1-mini",))
    assert config.server.keys == ()
    assert list(config.upstreams) == ["openai"]


@pytest.mark.parametrize(("service", "other"), [("openai", "gemini"), ("gemini", "openai")])
def test_the_default_service_is_the_baseline(service: str, other: str) -> None:
    environ = {
        **BOTH,
        "DEFAULT_LLM_SERVICE": service,
        "OPENAI_MODEL": "gpt-4.1",
        "GEMINI_MODEL": "gemini-2.5-pro",
    }
    route = made(environ).routes["default"]
    assert (route.variant, route.fallbacks) == (service, (other,))
    assert set(route.names) == {"gpt-4.1", "gemini-2.5-pro"}
    assert {name: variant.model for name, variant in route.variants.items()} == {
        "openai": "gpt-4.1",
        "gemini": "gemini-2.5-pro",
    }


def test_a_tuned_model_takes_all_traffic_with_the_baseline_as_fallback() -> None:
    route = made({**BOTH, "DEFAULT_LLM_SERVICE": "gemini", "OPENAI_FINETUNED_MODEL": TUNED}).routes["default"]
    assert (route.variant, route.fallbacks) == ("tuned", ("gemini", "openai"))
    assert route.variants["tuned"].model == TUNED
    assert TUNED in route.names


@pytest.mark.parametrize(("stages", "told"), [("10,50", 1), (" ", 0)])
def test_stages_without_a_candidate_are_told(stages: str, told: int) -> None:
    loaded = from_environment(
        {**OPENAI, "HEADGATE_STAGES": stages, "OPENAI_FINETUNED_MODEL": ""}, today=TODAY
    )
    warning = "HEADGATE_STAGES: has no effect: OPENAI_FINETUNED_MODEL is not set"
    assert [str(problem) for problem in loaded.warnings] == [warning] * told


def test_stages_make_a_rollout_that_recommends() -> None:
    environ = {**BOTH, "OPENAI_FINETUNED_MODEL": TUNED, "HEADGATE_STAGES": "10, 50,100"}
    route = made(environ).routes["default"]
    plan = route.rollout
    assert plan is not None and route.variant is None
    assert (plan.baseline, plan.candidate, plan.mode) == ("openai", "tuned", "recommend")
    assert [stage.weight for stage in plan.stages] == [1_000, 5_000, 10_000]
    assert list(plan.guardrails.comparisons) == ["errors", "latency_p95"]


def test_stages_without_a_tuned_model_mean_nothing() -> None:
    assert made({**OPENAI, "HEADGATE_STAGES": "10,50,100"}).routes["default"].variant == "openai"


def test_keys_are_held_as_hashes_with_their_scopes() -> None:
    keys = made({**OPENAI, "HEADGATE_API_KEY": "an-app", "HEADGATE_ADMIN_KEY": "an-operator"}).server.keys
    assert [(key.hash, key.scopes) for key in keys] == [
        ("sha256:" + hashlib.sha256(b"an-app").hexdigest(), ("chat", "outcomes")),
        ("sha256:" + hashlib.sha256(b"an-operator").hexdigest(), ("admin",)),
    ]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        (
            {},
            "environment: no file was named with --config, and neither OPENAI_API_KEY nor GEMINI_API_KEY",
        ),
        ({"OPENAI_API_KEY": ""}, "environment: no file was named"),
        (
            {**OPENAI, "DEFAULT_LLM_SERVICE": "mistral"},
            "environment: DEFAULT_LLM_SERVICE: must be openai or gemini",
        ),
        ({**OPENAI, "DEFAULT_LLM_SERVICE": "gemini"}, "environment: GEMINI_API_KEY: is not set, and DEFAULT"),
        (
            {"GEMINI_API_KEY": "k", "OPENAI_FINETUNED_MODEL": TUNED},
            "environment: OPENAI_API_KEY: is not set, and",
        ),
        ({**OPENAI, "HEADGATE_ADMIN_KEY": "k"}, "environment: HEADGATE_API_KEY: is not set, and with"),
        (
            {**OPENAI, "HEADGATE_ADMIN_KEY": "k", "HEADGATE_API_KEY": "k"},
            "environment: HEADGATE_ADMIN_KEY: must differ",
        ),
        ({"OPENAI_API_KEY": "a secret"}, "environment: OPENAI_API_KEY: must be printable ASCII"),
        ({**OPENAI, "OPENAI_MODEL": "a b"}, "environment: OPENAI_MODEL: must be 1 to 256 letters"),
        (
            {**OPENAI, "OPENAI_FINETUNED_MODEL": TUNED, "HEADGATE_STAGES": "50,10"},
            "environment: HEADGATE_STAGES: the stages must rise",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_told_by_its_variable(environ: dict[str, str], told: str) -> None:
    (line,) = refusal(environ)
    assert line.startswith(told)
    assert "secret" not in line


def test_every_mistake_is_told_at_once() -> None:
    environ = {
        **OPENAI,
        "OPENAI_MODEL": "a b",
        "OPENAI_FINETUNED_MODEL": TUNED,
        "HEADGATE_STAGES": "ten,5,7,7",
    }
    assert [line.split(": ")[1] for line in refusal(environ)] == [
        "HEADGATE_STAGES",
        "HEADGATE_STAGES",
        "OPENAI_MODEL",
    ]
