"""What Google says when something is wrong, in the failure table's terms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.base import UpstreamFailure
from gateway.providers.gemini import judge_whole
from gateway.providers.google import FAILED, WITHHELD, judge_finish, read_refusal
from routing.fallback import Result, of_status

INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def said(status: int, word: str, *details: dict[str, Any], message: str = "no") -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": word, "details": list(details)}}


@pytest.mark.parametrize("listed", [False, True])
def test_a_refusal_is_told_in_the_envelope(listed: bool) -> None:
    body: Any = said(400, "INVALID_ARGUMENT", message="temperature: too hot")
    told = read_refusal(400, json.dumps([body] if listed else body).encode(), "")
    assert (told.status, told.wait) == (400, None)
    assert json.loads(told.body) == {
        "error": {
            "message": "temperature: too hot",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_argument",
        }
    }


def test_what_is_too_long_has_the_code_that_applications_know() -> None:
    google = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    openai = {"error": {"message": "Too long.", "code": "context_length_exceeded"}}
    for body in (said(400, "INVALID_ARGUMENT", message=google), openai):
        told = json.loads(read_refusal(400, json.dumps(body).encode(), "").body)
        assert told["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("status", "word", "detail", "result"),
    [
        (400, "INVALID_ARGUMENT", {}, "rejected"),
        (400, "INVALID_ARGUMENT", {"@type": INFO, "reason": "API_KEY_INVALID"}, "denied"),
        (400, "FAILED_PRECONDITION", {}, "denied"),
        (403, "PERMISSION_DENIED", {}, "denied"),
        (404, "NOT_FOUND", {}, "denied"),
        (429, "RESOURCE_EXHAUSTED", {}, "rate_limited"),
        (503, "UNAVAILABLE", {}, "server_error"),
        (504, "DEADLINE_EXCEEDED", {}, "server_error"),
    ],
)
def test_statuses_are_read_in_the_operators_favour(
    status: int, word: str, detail: dict[str, Any], result: str
) -> None:
    told = read_refusal(status, json.dumps(said(status, word, detail)).encode(), "")
    assert of_status(told.status).value == result


@pytest.mark.parametrize(
    ("delay", "wait"), [("37s", 37), ("37.1s", 38), ("0s", 0), ("soon", None), (5, None)]
)
def test_how_long_to_wait_may_stand_in_the_body(delay: Any, wait: int | None) -> None:
    body = said(429, "RESOURCE_EXHAUSTED", {"@type": RETRY, "retryDelay": delay})
    assert read_refusal(429, json.dumps(body).encode(), "").wait == wait


def test_the_key_is_never_in_it() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "Invalid API key: AIza-secret"}
    body = said(400, "INVALID_ARGUMENT", detail, message="the key AIza-secret is not known")
    told = read_refusal(400, json.dumps(body).encode(), "AIza-secret")
    assert b"AIza-secret" not in told.body and b"***" in told.body


@given(
    st.integers(400, 599),
    st.binary() | st.recursive(st.none() | st.text(), st.lists).map(repr).map(str.encode),
)
def test_any_body_becomes_an_envelope(status: int, body: bytes) -> None:
    told = read_refusal(status, body, "secret")
    assert set(json.loads(told.body)["error"]) == {"message", "type", "param", "code"}


def test_every_reason_is_judged_once() -> None:
    assert not WITHHELD & FAILED
    for reason, result in [
        *((reason, Result.FILTERED) for reason in WITHHELD),
        *((reason, Result.SERVER_ERROR) for reason in FAILED),
    ]:
        with pytest.raises(UpstreamFailure) as raised:
            judge_finish(reason)
        assert raised.value.result is result
    for reason in ("STOP", "MAX_TOKENS", "", "SOMETHING_NEW"):
        judge_finish(reason)


def whole(finish: str, **message: Any) -> bytes:
    choice = {"finish_reason": finish, "index": 0, "message": {"role": "assistant", **message}}
    return json.dumps({"choices": [choice], "object": "chat.completion"}).encode()


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (whole("function_call_filter: MALFORMED_FUNCTION_CALL"), Result.SERVER_ERROR),
        (whole("function_call_filter: SOMETHING_NEW", content="x"), Result.SERVER_ERROR),
        (whole("content_filter: SAFETY"), Result.FILTERED),
        (whole("content_filter: SOMETHING_NEW"), Result.FILTERED),
        (whole("content_filter"), Result.FILTERED),
        (whole("PROHIBITED_CONTENT", content=None), Result.FILTERED),
        (whole("stop"), Result.SERVER_ERROR),
        (whole("stop", content=""), Result.SERVER_ERROR),
        (whole("stop", content=None, tool_calls=[]), Result.SERVER_ERROR),
    ],
)
def test_a_compatible_answer_that_is_none(body: bytes, result: Result) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        judge_whole(body)
    assert raised.value.result is result


@pytest.mark.parametrize(
    "body",
    [
        whole("stop", content="hello"),
        whole("stop", content='say {"finish_reason": "content_filter: SAFETY"}'),
        whole("length"),
        whole("tool_calls", content=None, tool_calls=[{"id": "1"}]),
        whole("stop", refusal="I would rather not"),
    ],
)
def test_a_compatible_answer_that_is_one(body: bytes) -> None:
    judge_whole(body)
