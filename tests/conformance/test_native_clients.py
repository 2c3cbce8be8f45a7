"""The official client through both ways to Gemini, before upstreams that check what comes back to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, OpenAI
from pydantic import BaseModel

from tests.conformance.native import KEY, aimock, on_the_image, route, simulated
from tests.support.gateway import Gateway

CONFIG = """
upstreams:
  native: {{provider: gemini, api: native, base_url: "{root}", api_key: "{key}"}}
  compatible: {{provider: gemini, base_url: "{root}/v1beta/openai", api_key: "{key}"}}
  blocked: {{provider: gemini, api: native, base_url: "{root}", headers: {{x-simulated-block: SAFETY}}}}
  malformed: {{provider: gemini, base_url: "{root}/v1beta/openai",
    headers: {{x-simulated-finish: MALFORMED_FUNCTION_CALL, x-simulated-empty: "true"}}}}
  mock: {{provider: gemini, api: native, base_url: "{mock}"}}
  other: {{provider: openai, base_url: "{root}/v1"}}
routes:
"""
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
QUESTION: Any = {"role": "user", "content": "How is the weather in Seoul?"}
WAYS = ("native", "compatible")


class Order(BaseModel):
    """What a structured answer has to be."""

    name: str
    quantity: int
    sizes: list[str]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("clients")
    fixtures = [
        {"match": {"userMessage": "weather"}, "response": {"toolCalls": [
            {"name": "get_weather", "arguments": '{"city": "Seoul"}'}]}},
        {"match": {"userMessage": "hello"}, "response": {"content": "Hello from somebody else."}},
        {"match": {"userMessage": "slowly"}, "response": {"error": {"message": "slow"}, "status": 429}},
    ]  # fmt: skip
    model = "gemini-3-pro-preview"
    names = (*WAYS, "mock")
    routes = [route(name, name, model, alone=True) for name in names]
    routes += [route(name, name, model) for name in ("blocked", "malformed")]
    with simulated() as root, aimock(folder, fixtures) as mock:
        text = CONFIG.format(root=root, key=KEY, mock=mock) + "".join(routes)
        with on_the_image(folder, text) as gateway:
            yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with OpenAI(base_url=url, api_key="none", max_retries=0, timeout=20) as client:
        yield client


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_is_called_and_its_result_is_taken_with_the_signature(client, way):
    first = client.chat.completions.create(model=way, messages=[QUESTION], tools=[TOOL])
    choice = first.choices[0]
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "text"}
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens > 0
    said = choice.message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    second = client.chat.completions.create(model=way, messages=[QUESTION, said, result], tools=[TOOL])
    assert second.choices[0].finish_reason == "stop" and second.choices[0].message.content
    del said["tool_calls"][0]["extra_content"]
    with pytest.raises(BadRequestError):
        client.chat.completions.create(model=way, messages=[QUESTION, said, result], tools=[TOOL])


@pytest.mark.parametrize("way", WAYS)
def test_the_same_as_a_stream(client, way):
    calls: list[Any] = []
    finish = None
    for chunk in client.chat.completions.create(model=way, messages=[QUESTION], tools=[TOOL], stream=True):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            calls += [call.model_dump(exclude_none=True) for call in choice.delta.tool_calls or ()]
    assert finish == "tool_calls"
    (call,) = calls
    call.pop("index", None)
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    pieces = [
        choice.delta.content
        for chunk in client.chat.completions.create(
            model=way, messages=[QUESTION, said, result], tools=[TOOL], stream=True
        )
        for choice in chunk.choices
    ]
    assert "".join(piece or "" for piece in pieces)


@pytest.mark.parametrize("way", WAYS)
def test_structured_outputs_are_parsed(client, way):
    parsed = client.chat.completions.parse(model=way, messages=[QUESTION], response_format=Order)
    assert isinstance(parsed.choices[0].message.parsed, Order)


def test_thoughts_are_told_when_they_were_asked_for(client):
    answer = client.chat.completions.create(model="native", messages=[QUESTION], reasoning_effort="low")
    assert answer.choices[0].message.reasoning_content and answer.choices[0].message.content
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    streamed = client.chat.completions.create(
        model="native",
        messages=[QUESTION],
        reasoning_effort="low",
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(streamed)
    assert any(getattr(one.choices[0].delta, "reasoning_content", None) for one in chunks if one.choices)
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("name", ["blocked", "malformed"])
def test_what_is_no_answer_is_answered_by_the_other(client, name):
    raw = client.chat.completions.with_raw_response.create(model=name, messages=[QUESTION])
    assert raw.headers["x-headgate-served-variant"] == "other"
    assert raw.parse().choices[0].message.content


def test_somebody_elses_gemini(client):
    hello: Any = [{"role": "user", "content": "hello"}]
    answer = client.chat.completions.create(model="mock", messages=hello)
    assert answer.choices[0].message.content == "Hello from somebody else."
    pieces = client.chat.completions.create(model="mock", messages=hello, stream=True)
    text = "".join(choice.delta.content or "" for chunk in pieces for choice in chunk.choices)
    assert text == "Hello from somebody else."
    for stream in (False, True):
        told = client.chat.completions.create(model="mock", messages=[QUESTION], tools=[TOOL], stream=stream)
        choices = [choice for chunk in told for choice in chunk.choices] if stream else told.choices
        calls = [call for one in choices for call in (one.delta if stream else one.message).tool_calls or ()]
        assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Seoul"}]
        assert choices[-1].finish_reason == "tool_calls"
    with pytest.raises(APIStatusError) as raised:
        client.chat.completions.create(model="mock", messages=[{"role": "user", "content": "slowly"}])
    assert raised.value.status_code == 429
