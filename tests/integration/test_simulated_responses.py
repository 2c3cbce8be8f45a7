"""A simulated model's Responses API, with functions and formats: the official client, direct and behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from openai import OpenAI, pydantic_function_tool
from openai.lib._tools import ResponsesPydanticFunctionTool
from pydantic import BaseModel

from tests.support.client import PATIENCE
from tests.support.gateway import running_gateway
from tests.support.simulated import simulated_upstream

CONFIG = """
server: {lame_duck: 0s}
upstreams:
  sim: {provider: simulated}
routes:
  solver: {variants: {only: {upstream: sim, model: m}}, variant: only}
"""


class Drink(BaseModel):
    name: str
    count: int


class Order(BaseModel):
    drinks: list[Drink]
    note: str | None


ADD = {
    "type": "function",
    "name": "add",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    },
}
DROP = {"type": "function", "name": "drop", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module", params=["direct", "behind"])
def client(request, tmp_path_factory) -> Iterator[OpenAI]:
    if request.param == "direct":
        with simulated_upstream() as upstream:
            with OpenAI(base_url=upstream.url, api_key="x", max_retries=0, timeout=PATIENCE) as client:
                yield client
        return
    config = tmp_path_factory.mktemp("responses") / "headgate.yaml"
    config.write_text(CONFIG)
    with running_gateway(config) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/v1"
        with OpenAI(base_url=url, api_key="x", max_retries=0, timeout=PATIENCE) as client:
            yield client


def ask(client, **more):
    return client.responses.create(model="solver", input="Two coffees.", **more)


def test_an_answer_is_parsed(client):
    parsed = client.responses.parse(model="solver", input="Two coffees.", text_format=Order).output_parsed
    assert isinstance(parsed, Order)
    assert isinstance(parsed.drinks[0], Drink)


def test_a_stream_is_parsed(client):
    with client.responses.stream(model="solver", input="Two coffees.", text_format=Order) as stream:
        assert [event.type for event in stream][-1] == "response.completed"
        assert isinstance(stream.get_final_response().output_parsed, Order)


def test_any_object_in_json_mode(client):
    answer = ask(client, text={"format": {"type": "json_object"}})
    assert json.loads(answer.output_text) == {}


def test_text_is_no_json(client):
    answer = ask(client, text={"format": {"type": "text"}})
    with pytest.raises(ValueError):
        json.loads(answer.output_text)


def test_an_answer_that_is_wrong_is_cut_short(client):
    wrong = {"x-simulated-pass": "false"}
    answer = ask(client, text={"format": {"type": "json_object"}}, extra_headers=wrong)
    assert answer.output_text == "{"


def test_a_function_is_called_and_its_result_answered(client):
    first = ask(client, tools=[ADD, DROP])
    (call,) = first.output
    assert (first.status, first.output_text) == ("completed", "")
    assert (call.type, call.name, call.status) == ("function_call", "add", "completed")
    assert json.loads(call.arguments) == {"a": 1, "b": 1.5}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "2.5"}
    followed = client.responses.create(
        model="solver", previous_response_id=first.id, input=[result], tools=[ADD]
    )
    repeated = client.responses.create(
        model="solver",
        input=[{"role": "user", "content": "Add."}, call.model_dump(exclude_none=True), result],
        tools=[ADD],
    )
    for answer in (followed, repeated):
        assert [item.type for item in answer.output] == ["message"]
        assert answer.output_text
    listed = client.responses.input_items.list(repeated.id, order="asc")
    assert {item.type for item in listed} == {"message", "function_call", "function_call_output"}


def test_the_function_that_it_has_to_be_or_none(client):
    (call,) = ask(client, tools=[ADD, DROP], tool_choice={"type": "function", "name": "drop"}).output
    assert (call.name, call.arguments) == ("drop", "{}")
    assert ask(client, tools=[ADD], tool_choice="none").output_text
    assert ask(client, tools=[{"type": "web_search"}]).output_text


def test_a_call_is_parsed(client):
    tool = pydantic_function_tool(Order, name="order")["function"]
    flat = ResponsesPydanticFunctionTool({"type": "function", **tool}, Order).cast()
    answer = client.responses.parse(model="solver", input="Two coffees.", tools=[flat])
    assert isinstance(answer.output[0].parsed_arguments, Order)


def test_calls_are_streamed_as_openai_does(client):
    events = list(ask(client, tools=[ADD, DROP], stream=True, extra_headers={"x-simulated-tool-calls": "2"}))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    for index, name, arguments in [(0, "add", {"a": 1, "b": 1.5}), (1, "drop", {})]:
        mine = [event for event in events if getattr(event, "output_index", None) == index]
        added, *deltas, done, item = mine
        assert (added.type, added.item.name) == ("response.output_item.added", name)
        assert (added.item.arguments, added.item.status) == ("", "in_progress")
        assert {event.type for event in deltas} == {"response.function_call_arguments.delta"}
        assert done.type == "response.function_call_arguments.done"
        assert json.loads(done.arguments) == arguments
        assert "".join(event.delta for event in deltas) == done.arguments
        assert {event.item_id for event in (*deltas, done)} == {item.item.id} == {added.item.id}
        assert (item.type, item.item.arguments) == ("response.output_item.done", done.arguments)
        assert events[-1].response.output[index] == item.item
    assert events[-1].type == "response.completed"
    assert not [event for event in events if "output_text" in event.type]


def test_the_clients_stream_gathers_calls(client):
    with client.responses.stream(model="solver", input="Two coffees.", tools=[ADD]) as stream:
        (call,) = stream.get_final_response().output
    assert json.loads(call.arguments) == {"a": 1, "b": 1.5}
