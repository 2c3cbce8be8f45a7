"""Every test of openai-python's own suite that concerns what the gateway serves passes through it.

Behind the gateway stands an upstream that answers whatever OpenAI's specification allows. The same tests run
on it directly first, so that nothing but the gateway can differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conformance.suite.judge import altered, judged
from tests.conformance.suite.mock import Asked, mocking
from tests.conformance.suite.run import FOLDERS, KEY, Suite, group_of
from tests.conformance.suite.specification import specification
from tests.conformance.tally import Tally
from tests.support.gateway import hash_of, running_gateway

SUITES = (Suite("openai-2"), Suite("openai-3"))


@dataclass(frozen=True)
class Run:
    """One suite, twice: tests by id with what was wrong, and what the mock was asked meanwhile."""

    name: str
    direct: dict[str, str]
    through: dict[str, str]
    asked_directly: list[Asked]
    asked_through: list[Asked]


@pytest.fixture(scope="module", params=SUITES, ids=lambda suite: suite.name)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A suite that has run on the mock and through a gateway in front of it."""
    suite: Suite = request.param
    models = suite.models()
    folder = tmp_path_factory.mktemp(suite.name)
    with mocking(specification(suite.name, folder), folder) as mock:
        direct = suite.run(mock.url, folder)
        asked_directly = mock.forget()
        config = folder / "headgate.yaml"
        config.write_text(json.dumps(_configuration(mock.url, models)))
        with running_gateway(config) as gateway:
            through = suite.run(f"http://127.0.0.1:{gateway.port}/v1", folder)
        yield Run(suite.name, direct, through, asked_directly, mock.forget())


def _configuration(url: str, models: list[str]) -> dict[str, object]:
    key = {"name": "suite", "application": "suite", "hash": hash_of(KEY), "scopes": ["chat", "passthrough"]}
    variants = {name: {"upstream": "mock", "model": name} for name in ("base", "tuned")}
    rollout = {"baseline": "base", "candidate": "tuned", "stages": [50, 100]}
    return {
        "server": {"keys": [key], "lame_duck": "0s"},
        "upstreams": {"mock": {"provider": "openai", "base_url": url}},
        "routes": {"everything": {"names": models, "variants": variants, "rollout": rollout}},
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_openai_tests_passes_through_the_gateway(run: Run, folder: str, tally: Tally) -> None:
    mine = {test: wrong for test, wrong in run.direct.items() if group_of(test) == folder}
    assert mine
    verdict = judged(mine, run.through)
    passed, failed = len(verdict.passed), len(verdict.failed) + len(verdict.stale)
    tally.count(f"{run.name}: {folder}", passed=passed, failed=failed, skipped=verdict.skipped)
    assert not verdict.failed, "\n".join(f"{test}: {wrong}" for test, wrong in verdict.failed.items())
    assert not verdict.stale, f"scope.py leaves out what passes: {verdict.stale}"
    assert passed


def test_requests_reach_the_upstream_as_they_were_written(run: Run, tally: Tally) -> None:
    wrong = altered(run.asked_directly, run.asked_through)
    asked = len(run.asked_through)
    tally.count(f"{run.name}: requests unaltered", passed=asked - len(wrong), failed=len(wrong))
    assert asked
    assert not wrong, wrong[:3]
