from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.check import command
from routing.rollout.planning import units_to_promote

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"
ENVIRON = {"OPENAI_API_KEY": "sk-canary", "GEMINI_API_KEY": "sk-canary", "GROQ_API_KEY": "sk-canary"}
EVERY_KIND = """
upstreams: {toy: {provider: simulated}, far: {provider: openai}}
routes:
  r:
    names: [gpt-5]
    variants:
      a: {upstream: toy, model: m, price: {input: 1, output: 2, request: 0.5}}
      b: {upstream: far, model: m}
      c: {upstream: toy, model: m, price: {}}
    segments:
      - name: one
        when: {percent: 12.5, metadata.tier: {in: [gold, silver]}, language: ko}
        weights: {a: 99.99, b: 0.01}
      - {name: two, when: {difficulty: {lt: 2500}}, cascade: {first: a, then: b}}
      - name: three
        when: {header.x: {exists: true}}
        rollout: {baseline: a, candidate: b, stages: [20, 97, 100], start: manual}
      - name: four
        when: {gain: {top: 20%}}
        rollout: {baseline: a, candidate: b, stages: [100], bake: 0s, holdout: 0%}
      - {name: rest, variant: c}
    validators: [{type: json}]
"""


def check(*arguments: str | Path, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(
        command, [str(it) for it in arguments], env=ENVIRON if environ is None else environ
    )


@pytest.mark.parametrize("name", ["solver", "reviews", "voice-order"])
def test_an_example_is_told_with_its_shares_prices_and_units(name: str) -> None:
    path = EXAMPLES / name / "headgate.yaml"
    result = check(path, "--rate", "2")
    assert result.exit_code == 0
    assert f"{path} is valid; the packaged prices are of" in result.stdout
    assert "10%" in result.stdout and "validation_passed" in result.stdout and "bake" in result.stdout
    assert "canary" not in result.output


def test_mistakes_are_told_at_once_on_standard_error(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(
        "upstreams: {a: {provider: openai, api_key: '${MISSING}'}}\nroutes: {r: {variants: {}, vraiant: v}}\n"
    )
    result = check(path)
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second, third = result.stderr.splitlines()
    assert first.startswith(f"{path}:1: upstreams.a.api_key: the environment variable MISSING is not set")
    assert second.startswith(f"{path}:2: routes.r.variants: needs at least one variant")
    assert third.startswith(f"{path}:2: routes.r.vraiant: is an unknown key; did you mean `variant`?")
    told = json.loads(check(path, "--json").stdout)
    assert told["valid"] is False
    assert [(error["path"], error["line"]) for error in told["errors"]] == [
        ("upstreams.a.api_key", 1),
        ("routes.r.variants", 2),
        ("routes.r.vraiant", 2),
    ]


def test_warnings_stand_apart(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(EVERY_KIND)
    result = check(path)
    assert result.exit_code == 0
    (warning,) = [line for line in result.stderr.splitlines() if "unpriced" in line]
    assert warning.startswith(f"warning: {path}:8: routes.r.variants.b: `m` is unpriced")


def test_every_kind_of_segment_is_told(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(EVERY_KIND)
    text = check(path).stdout
    for words in (
        "also gpt-5",
        "percent lt 12.5%",
        "metadata.tier in gold, silver",
        "99.99%",
        "otherwise",
        "free",
    ):
        assert words in text
    assert "1 in, 2 out, 0.5 a request" in text and "unpriced" in text
    told = json.loads(check(path, "--json", "--rate", "0.5").stdout)
    (route,) = told["routes"]
    assert [(part["segment"], part["kind"], part["shares"]) for part in route["segments"]] == [
        ("one", "weights", {"a": 99.99, "b": 0.01}),
        ("two", "cascade", {"a": 100}),
        ("three", "rollout", {"a": 100, "b": 0}),
        ("four", "rollout", {"a": 0, "b": 100}),
        ("rest", "variant", {"c": 100}),
    ]
    three, four = told["rollouts"]
    assert [(stage["weight"], stage["compared"], len(stage["needs"])) for stage in three["stages"]] == [
        (20, 100, 5),
        (97, 80, 5),
        (98, 3, 1),
    ]
    needs = {need["metric"]: need for need in three["stages"][0]["needs"]}
    assert needs["min_samples"] == {"metric": "min_samples", "units": 1500, "days": 1500 / 0.5 / 86_400}
    assert needs["min_duration"]["days"] == 1
    # until 200 units of the baseline are known, no latency is
    assert needs["latency_p95"]["units"] == units_to_promote(0.05, 0.05, 0.2, 0.05) + 250
    later = {need["metric"]: need for need in three["stages"][1]["needs"]}
    assert later["latency_p95"]["units"] == units_to_promote(0.05, 0.05, 0.77 / 0.8, 0.05)
    assert four["stages"] == [
        {"weight": 100, "compared": 0, "needs": [{"metric": "bake", "units": None, "days": 0.0}]}
    ]


def test_a_shadow_is_told(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(
        "upstreams: {sim: {provider: simulated}}\nroutes: {r: {variants: {a: {upstream: sim, model: m}, "
        "b: {upstream: sim, model: n}}, variant: a, shadow: {variant: b, percent: 2.5}}}"
    )
    (line,) = [line for line in check(path).stdout.splitlines() if "copies" in line]
    assert line.split()[:4] == ["copies", "b", "2.5%", "n"]
    (route,) = json.loads(check(path, "--json").stdout)["routes"]
    assert route["segments"][0]["shadow"] == {"variant": "b", "percent": 2.5}


def test_the_whole_configuration_is_told_as_json_without_its_secrets() -> None:
    result = check(EXAMPLES / "solver" / "headgate.yaml", "--json")
    told = json.loads(result.stdout)
    assert told["valid"] is True
    assert told["config"]["upstreams"]["openai"]["api_key"] == "***"
    assert told["prices"]["package"].startswith("litellm ")
    assert all(need["days"] is None for need in told["rollouts"][0]["stages"][0]["needs"] if need["units"])
    assert "canary" not in result.output


def test_the_schema_needs_no_file() -> None:
    result = check("--schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["required"] == ["upstreams", "routes"]


def test_usage_is_told() -> None:
    assert check().exit_code == 2
    assert check("x", "--rate", "0").exit_code == 2
    missing = check("/no/such/headgate.yaml")
    assert missing.exit_code == 1
    assert missing.stderr == "/no/such/headgate.yaml: cannot be read: No such file or directory\n"


def test_a_cascade_is_told_with_its_second_variant(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(EVERY_KIND)
    text = check(path).stdout
    (line,) = [line for line in text.splitlines() if "if that one fails" in line]
    assert line.split()[4:] == ["b", "m", "unpriced"]
    (route,) = json.loads(check(path, "--json").stdout)["routes"]
    assert [part["then"] for part in route["segments"]] == [None, "b", None, None, None]


def test_what_this_machine_could_not_serve_is_told(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(
        "upstreams: {far: {provider: litellm}}\n"
        "routes: {r: {variants: {v: {upstream: far, model: anthropic/m, price: {}}}, variant: v}}\n"
    )
    result = check(path)
    assert result.exit_code == 0
    (warning,) = result.stderr.splitlines()
    why = "cannot be served on this machine: upstreams.far: needs litellm, which is not installed"
    assert warning.startswith(f"warning: {path}: {why}")
