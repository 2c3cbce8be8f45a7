"""From Gemini's native answers to OpenAI's, whole and streamed."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.providers.base import UpstreamFailure
from gateway.providers.gemini_answer import whole
from gateway.providers.gemini_stream import DONE, Stream
from routing.fallback import Result

USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 15,
    "thoughtsTokenCount": 5,
    "totalTokenCount": 120,
}
TOLD = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def answer(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    shared = {"modelVersion": "gemini-2.5-flash", "responseId": "abc", "usageMetadata": USAGE}
    return {"candidates": [candidate], **shared, **more}


def translated(given: Any) -> dict[str, Any]:
    body = whole(json.dumps(given).encode(), "asked", 7)
    ChatCompletion.model_validate_json(body)
    told: dict[str, Any] = json.loads(body)
    return told


def streamed(*given: Any, usage: bool = True) -> list[dict[str, Any]]:
    stream = Stream("asked", 7, usage=usage)
    text = b"".join([*(stream.event(json.dumps(one).encode()) for one in given), stream.end()])
    assert text.endswith(DONE)
    events = [json.loads(line[6:]) for line in text.removesuffix(DONE).split(b"\n\n") if line]
    for event in events:
        ChatCompletionChunk.model_validate(event)
    return events


def failed(*given: Any, stream: bool = True) -> Result:
    with pytest.raises(UpstreamFailure) as raised:
        if stream:
            streamed(*given)
        else:
            translated(*given)
    return raised.value.result


def test_a_text() -> None:
    told = translated(answer({"text": "hel"}, {"text": "lo"}))
    assert told["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert (told["id"], told["object"], told["created"]) == ("abc", "chat.completion", 7)
    assert (told["model"], told["usage"]) == ("gemini-2.5-flash", TOLD)


def test_thoughts_are_no_content() -> None:
    told = translated(answer({"text": "hm", "thought": True}, {"text": "yes", "thoughtSignature": "sig"}))
    message = told["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm", "yes")
    assert message["extra_content"] == {"google": {"thought_signature": "sig"}}


def test_calls_of_functions() -> None:
    told = translated(
        answer(
            {"functionCall": {"name": "f", "args": {"a": "é", "n": 1}}, "thoughtSignature": "sig"},
            {"functionCall": {"name": "g", "id": "theirs"}},
        )
    )
    choice = told["choices"][0]
    first, second = choice["message"]["tool_calls"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert first["function"]["name"] == "f" and json.loads(first["function"]["arguments"]) == {
        "a": "é",
        "n": 1,
    }
    assert first["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert first["id"].startswith("call_") and "index" not in first
    assert (second["id"], second["function"]["arguments"]) == ("theirs", "{}")
    assert "extra_content" not in second


def test_pictures_several_candidates_and_probabilities() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
    given = answer({"text": "a"}, picture, finish="MAX_TOKENS")
    probable = {
        "chosenCandidates": [{"token": "b", "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -0.1}]}],
    }
    given["candidates"].append(
        {
            "content": {"parts": [{"text": "b"}]},
            "finishReason": "STOP",
            "index": 1,
            "logprobsResult": probable,
        }
    )
    first, second = translated(given)["choices"]
    assert first["message"]["images"][0]["image_url"] == {"url": "data:image/png;base64,iVBO"}
    assert (first["finish_reason"], second["index"], second["message"]["content"]) == ("length", 1, "b")
    (token,) = second["logprobs"]["content"]
    assert (token["token"], token["logprob"], token["bytes"]) == ("b", -0.1, [98])
    assert token["top_logprobs"][0]["token"] == "b"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"promptTokenCount": 10, "totalTokenCount": 10}, (10, 0, 0, 0)),
        ({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}, (10, 5, 0, 0)),
        # thoughts among the candidates' tokens
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
             "totalTokenCount": 15},
            (10, 5, 0, 3),
        ),
        # and beside them
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
             "totalTokenCount": 18},
            (10, 8, 0, 3),
        ),
        (
            {"promptTokenCount": 10, "toolUsePromptTokenCount": 4, "candidatesTokenCount": 1,
             "cachedContentTokenCount": 6, "totalTokenCount": 15},
            (14, 1, 6, 0),
        ),
    ],
)  # fmt: skip
def test_usage(told: dict[str, int], expected: tuple[int, ...]) -> None:
    usage = translated(answer({"text": "a"}, usageMetadata=told))["usage"]
    details = usage["prompt_tokens_details"]["cached_tokens"], usage["completion_tokens_details"]
    assert (
        usage["prompt_tokens"],
        usage["completion_tokens"],
        details[0],
        details[1]["reasoning_tokens"],
    ) == (expected)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("given", "result"),
    [
        (answer({"text": "a"}, finish="MALFORMED_FUNCTION_CALL"), Result.SERVER_ERROR),
        (answer(finish="MALFORMED_FUNCTION_CALL"), Result.SERVER_ERROR),
        (answer(finish="SAFETY"), Result.FILTERED),
        (answer({"text": "a"}, finish="RECITATION"), Result.FILTERED),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": USAGE}, Result.FILTERED),
        (answer(), Result.SERVER_ERROR),
        (answer({"text": ""}), Result.SERVER_ERROR),
        ({"usageMetadata": USAGE}, Result.SERVER_ERROR),
        ({"candidates": [{"content": {}, "finishReason": "STOP"}]}, Result.SERVER_ERROR),
        ({"error": {"code": 429, "message": "no"}}, Result.SERVER_ERROR),
        ([], Result.SERVER_ERROR),
        ("text", Result.SERVER_ERROR),
    ],
)
def test_what_is_no_answer(given: Any, result: Result, stream: bool) -> None:
    assert failed(given, stream=stream) is result


def test_only_thoughts_are_no_answer_but_running_out_of_tokens_is_one() -> None:
    thought = {"text": "hm", "thought": True}
    assert failed(answer(thought), stream=False) is Result.SERVER_ERROR
    told = translated(answer(thought, finish="MAX_TOKENS"))["choices"][0]
    assert (told["message"]["content"], told["finish_reason"]) == ("", "length")
    assert translated(answer(finish="MAX_TOKENS"))["choices"][0]["finish_reason"] == "length"


def test_a_stream_of_text() -> None:
    events = streamed(
        answer({"text": "hm", "thought": True}, finish=None),
        answer({"text": "hel"}, finish="STOP"),  # some models repeat it with every event
        answer({"text": "lo", "thoughtSignature": "sig"}, finish="STOP"),
        answer({"text": ""}, finish="STOP"),
    )
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    assert deltas == [
        {"role": "assistant", "reasoning_content": "hm"},
        {"content": "hel"},
        {"content": "lo", "extra_content": {"google": {"thought_signature": "sig"}}},
        {},
    ]
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"]]
    assert reasons == [None, None, None, "stop"]
    assert (events[-1]["choices"], events[-1]["usage"]) == ([], TOLD)
    assert {event["id"] for event in events} == {"abc"}
    assert "usage" not in json.dumps(streamed(answer({"text": "a"}), usage=False))


def test_a_stream_of_calls_is_numbered() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    events = streamed(
        answer({"text": "so"}, finish=None), answer(call, call, finish=None), answer(call), answer()
    )
    calls = [
        call
        for event in events
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert [call["index"] for call in calls] == [0, 1, 2]
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_nothing_comes_out_before_there_is_something_to_say() -> None:
    stream = Stream("asked", 7, usage=True)
    assert stream.event(json.dumps(answer(finish=None)).encode()) == b""
    assert stream.event(json.dumps({"usageMetadata": USAGE}).encode()) == b""
    with pytest.raises(UpstreamFailure) as raised:
        stream.event(json.dumps(answer(finish="SAFETY")).encode())
    assert raised.value.result is Result.FILTERED


def test_a_stream_that_just_stops() -> None:
    assert failed() is Result.AMBIGUOUS
    assert failed(answer({"text": "a"}, finish=None)) is Result.BROKEN
    assert failed(answer(finish=None)) is Result.SERVER_ERROR
    assert failed(answer({"text": "hm", "thought": True})) is Result.BROKEN


def test_a_stream_that_runs_out_of_tokens_while_thinking() -> None:
    events = streamed(answer(finish="MAX_TOKENS"))
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert events[0]["choices"][0]["finish_reason"] == "length"


words = st.sampled_from(
    ["candidates", "content", "parts", "text", "functionCall", "name", "args", "finishReason", "STOP",
     "SAFETY", "promptFeedback", "blockReason", "usageMetadata", "promptTokenCount", "inlineData",
     "mimeType", "image/png", "thoughtSignature", "logprobsResult", "chosenCandidates", "topCandidates",
     "candidates", "token", "index"]
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | words | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(anything)
def test_whatever_comes_is_an_answer_or_a_failure(given: Any) -> None:
    text = json.dumps({"candidates": [{"content": {"parts": [given]}, "logprobsResult": given}, given]})
    stream = Stream("asked", 7, usage=True)
    for data in (json.dumps(given).encode(), text.encode()):
        with contextlib.suppress(UpstreamFailure):
            whole(data, "asked", 7)
        with contextlib.suppress(UpstreamFailure):
            stream.event(data)
    with contextlib.suppress(UpstreamFailure):
        stream.end()
