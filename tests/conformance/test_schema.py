"""Whatever the gateway answers has the shape that OpenAI's specification gives it; errors are OpenAI's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.conformance.suite.mock import mocking
from tests.conformance.suite.narrow import ENDPOINTS, event_schema, narrowed, read
from tests.conformance.suite.schemathesis import checked
from tests.conformance.suite.specification import specification
from tests.conformance.tally import Tally
from tests.support.gateway import Gateway, running_gateway

MODEL = "solver"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenAI's document."""
    return specification("openai-2", tmp_path_factory.mktemp("specification"))


@pytest.fixture(scope="module")
def whole(source: Path) -> dict[str, Any]:
    """The same, read."""
    return read(source)


def _configuration(upstream: dict[str, object]) -> str:
    variants = {name: {"upstream": "it", "model": name} for name in ("base", "tuned")}
    rollout = {"baseline": "base", "candidate": "tuned", "stages": [50, 100]}
    routes = {MODEL: {"variants": variants, "rollout": rollout}}
    return json.dumps({"server": {"lame_duck": "0s"}, "upstreams": {"it": upstream}, "routes": routes})


@pytest.fixture(scope="module")
def on_mock(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of the specification mock, which answers anything that is allowed."""
    folder = tmp_path_factory.mktemp("on_mock")
    with mocking(source, folder) as mock:
        config = folder / "headgate.yaml"
        config.write_text(_configuration({"provider": "openai", "base_url": mock.url}))
        with running_gateway(config) as gateway:
            yield gateway


@pytest.fixture(scope="module")
def on_simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of the simulated upstream, which refuses as OpenAI does."""
    config = tmp_path_factory.mktemp("on_simulated") / "headgate.yaml"
    config.write_text(_configuration({"provider": "simulated"}))
    with running_gateway(config) as gateway:
        yield gateway


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(("mode", "name"), [("positive", "on_mock"), ("negative", "on_simulated")])
def test_answers(
    path: str,
    mode: Any,
    name: str,
    whole: dict[str, Any],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tally: Tally,
) -> None:
    gateway: Gateway = request.getfixturevalue(name)
    document = narrowed(whole, MODEL, answers=mode == "positive")
    found = checked(document, path, f"http://127.0.0.1:{gateway.port}/v1", tmp_path, mode=mode)
    tally.count(f"schemathesis, {mode}: {path}", passed=found.sent - found.wrong, failed=found.wrong)
    assert found.sent
    assert not found.wrong, found.words


@pytest.mark.parametrize("name", ["on_mock", "on_simulated"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
        ("/completions", {"prompt": "hi"}),
        ("/responses", {"input": "hi"}),
    ],
    ids=["chat", "completions", "responses"],
)
def test_events_of_streams(
    path: str,
    body: dict[str, Any],
    name: str,
    whole: dict[str, Any],
    request: pytest.FixtureRequest,
    tally: Tally,
) -> None:
    gateway: Gateway = request.getfixturevalue(name)
    answer = gateway.post(f"/v1{path}", {"model": MODEL, "stream": True, **body})
    assert answer.status == 200
    events = [line[6:] for line in answer.body.split(b"\n") if line.startswith(b"data: {")]
    valid = jsonschema_rs.validator_for(event_schema(whole, path))
    wrong = [event for event in events if not valid.is_valid(json.loads(event))]
    tally.count(f"events of streams: {path}", passed=len(events) - len(wrong), failed=len(wrong))
    assert events
    assert not wrong
