"""The clients that applications use see what they would see of the OpenAI API, whatever stands behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest

from tests.conformance.programs import CLIENTS, OPENAI_CLIENTS, Client, Report
from tests.conformance.serving import ROUTES

Seen = dict[str, Any]


def _driving(clients: Iterable[Client], routes: Iterable[str] = ROUTES) -> pytest.MarkDecorator:
    pairs = [(client, route) for client in clients for route in routes]
    ids = [f"{client.name}-{route}" for client, route in pairs]
    return pytest.mark.parametrize("report", pairs, indirect=True, ids=ids)


every_client = _driving(CLIENTS)
openai_clients = _driving(OPENAI_CLIENTS)
openai_on_openai = _driving(OPENAI_CLIENTS, ["openai"])
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{80,128}")
REFUSALS = {
    "bad_key": ("AuthenticationError", 401, "invalid_api_key", "invalid_request_error"),
    "unknown_model": ("NotFoundError", 404, "model_not_found", "invalid_request_error"),
}
FAULTS = {
    "rate_limited": ("RateLimitError", 429, "rate_limit_exceeded", "rate_limit_error"),
    "refused": ("BadRequestError", 400, "context_length_exceeded", "invalid_request_error"),
    "broken": ("InternalServerError", 502, "upstream_error", "upstream_error"),
}
"""Of the upstream: what is its own affair passes through, what is none of the client's does not."""
TOOL_CALLS = {"tool_calls", "tool_call", "tool-calls"}
"""The finish reason, as each client calls it."""


def counted(tokens: list[int]) -> bool:
    """Whether there is a whole usage: input and output sum to the total."""
    return len(tokens) == 3 and min(tokens) > 0 and tokens[0] + tokens[1] == tokens[2]


def refused(seen: Seen, expected: tuple[str, int, str, str]) -> bool:
    """Whether the client raised what it raises for such an answer, as far as it tells."""
    error, status, code, kind = expected
    told = {"error": error, "status": status, "code": code, "type": kind}
    return seen["status"] == status and all(seen[name] == told[name] for name in seen.keys() & told.keys())


@every_client
def test_a_plain_answer(report: Report) -> None:
    seen = report["chat"]
    assert seen["text"].startswith("Read two numbers")
    assert (seen["role"], seen["finish"]) == ("assistant", "stop")
    assert counted(seen["tokens"])


@every_client
def test_a_stream_without_the_usage_that_nobody_asked_for(report: Report) -> None:
    if "stream" not in report:
        pytest.skip("this client always asks for usage")
    seen = report["stream"]
    assert len(seen["pieces"]) > 1
    assert "".join(seen["pieces"]) == report["chat"]["text"]
    assert (seen["finish"], seen["tokens"]) == ("stop", None)


@every_client
def test_a_stream_with_usage(report: Report) -> None:
    seen = report["stream_with_usage"]
    assert "".join(seen["pieces"]) == report["chat"]["text"]
    assert seen["finish"] == "stop"
    assert counted(seen["tokens"])


@every_client
@pytest.mark.parametrize("case", ["tools", "streamed_tools"])
def test_a_tool_is_called(report: Report, case: str) -> None:
    seen = report[case]
    arguments = seen["arguments"]
    assert (seen["name"], seen["finish"] in TOOL_CALLS) == ("get_weather", True)
    assert (json.loads(arguments) if isinstance(arguments, str) else arguments) == {"city": "Seoul"}
    assert seen["id"]


@every_client
def test_a_tools_result_is_taken(report: Report) -> None:
    assert report["tools"]["final"] == "It is 21 degrees in Seoul."


@every_client
def test_a_structured_answer(report: Report) -> None:
    assert report["structured"] == {"drink": "latte", "count": 2}


@every_client
@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_the_clients_own_error(report: Report, case: str) -> None:
    seen = report[case]
    assert refused(seen, REFUSALS[case]), seen
    assert REQUEST_ID.fullmatch(seen.get("request_id", "A" * 80))


@every_client
@pytest.mark.parametrize("case", FAULTS)
def test_an_upstreams_fault_is_the_clients_own_error(report: Report, case: str) -> None:
    seen = report["faults"][case]
    assert refused(seen, FAULTS[case]), seen
    assert "secret" not in json.dumps(seen)


@openai_on_openai
def test_responses_whole_streamed_and_with_a_tool(report: Report) -> None:
    seen = report["responses"]
    assert seen["text"] == report["chat"]["text"] == "".join(seen["pieces"])
    assert len(seen["pieces"]) > 1
    assert counted(seen["tokens"])
    assert seen["last"] == "response.completed"
    name, arguments = seen["call"]
    assert (name, json.loads(arguments)) == ("get_weather", {"city": "Seoul"})


@openai_on_openai
def test_embeddings(report: Report) -> None:
    assert report["embeddings"]["vectors"] == [[0.25, -0.5, 0.125]] * 2


@openai_clients
def test_the_models_are_the_routes(report: Report) -> None:
    seen = report["models"]
    assert sorted(seen["names"]) == sorted(ROUTES)
    assert seen["one"] in ROUTES
    assert (seen["unknown"]["status"], seen["unknown"]["code"]) == (404, "model_not_found")


@openai_clients
def test_the_request_id_is_where_clients_look_for_it(report: Report) -> None:
    seen = report["request_id"]
    assert REQUEST_ID.fullmatch(seen["header"])
    assert seen["property"] == seen["header"]
    assert REQUEST_ID.fullmatch(report["stream"]["request_id"])
    assert seen["route"] == report["models"]["one"]
    assert seen["variant"] in {"base", "tuned"}
