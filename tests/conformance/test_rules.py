"""The recording and alert rules: valid, and doing what their tests in `rules/` say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

TESTS = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
RULES = Path(__file__).parents[2] / "helm" / "headgate" / "rules" / "headgate.rules.yaml"


def test_promtool_accepts_the_rules(promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_do_what_they_should(path: Path, promtool: str) -> None:
    ran = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_rule_has_a_test() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    tests = "\n".join(path.read_text() for path in TESTS)
    tested_through_others = {"variant:headgate_judged:increase1h", "variant:headgate_passed:increase1h",
                             "variant:headgate_cost_usd:increase1h"}  # fmt: skip
    names = {rule.get("alert") or rule["record"] for rule in rules} - tested_through_others
    assert {name for name in names if name not in tests} == set()
