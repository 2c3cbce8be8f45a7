"""The clients that applications use see what they would see of the OpenAI API."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conformance.programs import CLIENTS, OPENAI_CLIENTS

Report = dict[str, Any]

every_client = pytest.mark.parametrize("report", CLIENTS, indirect=True, ids=lambda client: client.name)
openai_clients = pytest.mark.parametrize(
    "report", OPENAI_CLIENTS, indirect=True, ids=lambda client: client.name
)
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{80,128}")


def counted(tokens: list[int]) -> bool:
    """Whether there is a whole usage: input and output sum to the total."""
    return len(tokens) == 3 and min(tokens) > 0 and tokens[0] + tokens[1] == tokens[2]


@every_client
def test_a_plain_answer(report: Report) -> None:
    seen = report["chat"]
    assert seen["text"]
    assert (seen["role"], seen["finish"]) == ("assistant", "stop")
    assert counted(seen["tokens"])


@every_client
def test_a_stream_without_the_usage_that_nobody_asked_for(report: Report) -> None:
    seen = report["stream"]
    assert len(seen["pieces"]) > 1
    assert (seen["finish"], seen["tokens"]) == ("stop", None)


@every_client
def test_a_stream_with_usage(report: Report) -> None:
    seen = report["stream_with_usage"]
    assert len(seen["pieces"]) > 1
    assert seen["finish"] == "stop"
    assert counted(seen["tokens"])


@every_client
@pytest.mark.parametrize(
    ("case", "error", "status", "code"),
    [
        ("bad_key", "AuthenticationError", 401, "invalid_api_key"),
        ("unknown_model", "NotFoundError", 404, "model_not_found"),
    ],
)
def test_a_refusal_is_the_clients_own_error(
    report: Report, case: str, error: str, status: int, code: str
) -> None:
    seen = report[case]
    assert (seen["error"], seen["status"], seen["code"]) == (error, status, code)
    assert seen["type"] == "invalid_request_error"
    assert REQUEST_ID.fullmatch(seen["request_id"])


@openai_clients
def test_the_models_are_the_routes(report: Report) -> None:
    seen = report["models"]
    assert seen["names"] == ["solver"]
    assert seen["one"] == "solver"
    assert (seen["unknown"]["status"], seen["unknown"]["code"]) == (404, "model_not_found")


@openai_clients
def test_the_request_id_is_where_clients_look_for_it(report: Report) -> None:
    seen = report["request_id"]
    assert REQUEST_ID.fullmatch(seen["header"])
    assert seen["property"] == seen["header"]
    assert REQUEST_ID.fullmatch(report["stream"]["request_id"])
    assert seen["route"] == "solver"
    assert seen["variant"] in {"base", "tuned"}
