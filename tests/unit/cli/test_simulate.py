"""`headgate simulate`: an operator's own configuration against simulated traffic."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.load import load
from gateway.cli.simulate.command import command
from gateway.cli.simulate.findings import findings as findings_of
from gateway.cli.simulate.question import Asked, Question, Unanswerable, question
from gateway.cli.simulate.runs import simulate

CONFIG = """
upstreams: {toy: {provider: simulated}}
prometheus: {url: "http://127.0.0.1:9090"}
routes:
  solver:
    outcomes: {sample: 40%}
    variants: {base: {upstream: toy, model: big}, tuned: {upstream: toy, model: small}}
    segments:
      - name: hard
        when: {metadata.rating: {gte: 2000}}
        rollout:
          baseline: base
          candidate: tuned
          stages:
            - {weight: 10, min_duration: 0s, max_duration: 1d, min_samples: 50}
            - {weight: 100, min_duration: 0s, max_duration: 1d}
          bake: 1h
          guardrails: {prometheus: [{name: queue, query: up, max: 1}]}
      - {name: rest, variant: base}
"""
SECOND = """
  other:
    variants: {a: {upstream: toy, model: m}, b: {upstream: toy, model: n}}
    rollout: {baseline: a, candidate: b, stages: [10, 100], guardrails: {validation_passed: off}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "headgate.yaml"
    file.write_text(CONFIG)
    return file


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--config", str(path), *arguments])


def findings(path: Path, *arguments: str) -> dict[str, Any]:
    result = run(path, "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def asked(path: Path, name: str | None = None, **said: Any) -> Question:
    return question(load(path, os.environ).config, name, Asked(**said))


def test_harm_is_found_and_the_same_seed_says_so_again(path: Path) -> None:
    arguments = (
        "--requests",
        "4000",
        "--runs",
        "6",
        "--effect",
        "-40pt",
        "--coverage",
        "100%",
        "--seed",
        "3",
    )
    found = findings(path, *arguments)
    good, margin, bad = found["candidates"]
    assert [one["candidate"] for one in (good, margin, bad)] == ["as good", "worse by the margin", "as asked"]
    assert [one["effect"] for one in (good, margin, bad)] == [0, -0.03, -0.4]
    assert bad["rolled_back"]["value"] == 1 and 0 < bad["requests_to_decide"]["value"] < 4000
    assert good["rolled_back"]["value"] < 1 and good["rolled_back"]["upper"] < 1
    assert (
        set(bad["peeked_z_test"]) == set(bad["fixed_threshold"]) == {"rolled_back", "promoted", "undecided"}
    )
    assert found["seed"] == 3 and found["runs"] == 6 and found["left_out"] == ["prometheus.queue"]
    assert findings(path, *arguments) == found


def test_it_depends_on_the_seed_not_on_who_runs_it(path: Path) -> None:
    wanted = asked(path, requests=600)
    alone, together = simulate(wanted, 3, 5, processors=1), simulate(wanted, 3, 5, processors=3)
    for case, some, others in zip(wanted.cases, alone, together, strict=True):
        assert findings_of(case, some) == findings_of(case, others)


def test_the_page_says_what_the_figures_mean(path: Path) -> None:
    result = run(
        path, "--requests", "300", "--runs", "2", "--sticky-users", "20", "--drift", "-2pt", "--delay", "2h"
    )
    assert result.exit_code == 0
    for words in (
        "solver/hard tuned against base, 10 → 100 %",
        "of 20 users who come back",
        "2 points fewer pass at the end",
        "40.0 % of the outcomes are reported; after 2 h on average",
        "2 runs of each candidate, seed 1",
        "just as good", "3 points worse", "5 points worse",
        "z-test at every look", "fixed threshold", "false promotions",
        "Left out, because no traffic is simulated for it: prometheus.queue.",
    ):  # fmt: skip
        assert words in " ".join(result.stdout.split()), words


def test_too_little_traffic_is_said(path: Path) -> None:
    result = run(path, "--requests", "100", "--rate", "5", "--runs", "2", "--effect", "+1pt")
    assert "nothing can arrive" in result.stdout
    assert "1 point better arrived at the end of the plan in" in result.stdout


def test_traffic_is_what_was_said(path: Path) -> None:
    day = 86_400
    plain = asked(path).traffic
    assert plain.requests == 50_000
    assert plain.rate == pytest.approx(50_000 / (day + 3_600))
    assert plain.reporting.baseline == 0.4, "what the route samples"
    assert asked(path, rate=1.0).traffic.requests == day + 3_600
    assert asked(path, rate=1_000.0).traffic.requests == 500_000
    assert asked(path, rate=0.001).traffic.requests == 100
    rated = asked(path, pass_rate=0.7, requests_per_user=5.0, delay=3.0, coverage=0.9).traffic
    assert rated.bad["validation_passed"] == pytest.approx(0.3)
    assert rated.users is not None and rated.users.number == 10_000
    assert (rated.reporting.candidate, rated.reporting.failed_after) == (0.9, 3_000)


def test_a_candidate_is_not_simulated_twice(path: Path) -> None:
    assert [case.effect for case in asked(path, effect=-0.03).cases] == [0.0, -0.03]
    assert [case.effect for case in asked(path, effect=0.0).cases] == [0.0, -0.03]


def test_the_effect_is_on_what_the_rollout_compares(path: Path) -> None:
    path.write_text(CONFIG + SECOND)
    other = asked(path, "other")
    assert (other.metric, other.limits.margin) == ("errors", 0.01)
    assert asked(path, "solver").metric == "validation_passed"
    assert asked(path, "other/all").segment == "all"


@pytest.mark.parametrize("name", [None, "none", "solver/rest"])
def test_a_rollout_has_to_be_named(path: Path, name: str | None) -> None:
    path.write_text(CONFIG + SECOND)
    with pytest.raises(Unanswerable, match=r"name one of solver/hard, other/all"):
        asked(path, name)


@pytest.mark.parametrize("said", [{"effect": -0.95}, {"pass_rate": 0.02}, {"drift": 0.3}, {"drift": -0.95}])
def test_impossible_shares_are_refused(path: Path, said: dict[str, Any]) -> None:
    with pytest.raises(Unanswerable, match="choose another --effect, --drift or --pass-rate"):
        asked(path, **said)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--effect", "much"], 2, "--effect"),
        (["--pass-rate", "120%"], 2, "--pass-rate"),
        (["--delay", "soon"], 2, "--delay"),
        (["--rate", "0"], 2, "--rate"),
        (["--sticky-users", "3", "--requests-per-user", "2"], 2, "not both"),
        (["--route", "other"], 1, "name one of solver/hard"),
    ],
)
def test_mistakes_are_one_line(path: Path, arguments: list[str], code: int, words: str) -> None:
    result = run(path, *arguments)
    assert result.exit_code == code
    assert words in result.stderr and "Traceback" not in result.output


def test_a_configuration_without_rollouts_or_with_mistakes(path: Path) -> None:
    route = "{variants: {v: {upstream: toy, model: m}}, variant: v}"
    path.write_text(f"upstreams: {{toy: {{provider: simulated}}}}\nroutes: {{r: {route}}}\n")
    result = run(path)
    assert (result.exit_code, result.stderr) == (1, "Error: the configuration has no rollout\n")
    path.write_text("routes: [")
    assert run(path).exit_code == 1
