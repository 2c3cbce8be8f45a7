"""What a translated provider gets of a request: what is listed, and nothing that points elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.inlining import LARGEST, Inlining
from gateway.providers.translation import translatable
from gateway.providers.translation_parts import Unfit

USER = {"role": "user", "content": "hello"}
PICTURE = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
SIGNED = {"extra_content": {"google": {"thought_signature": "sig"}}}


def of(*messages: Any, native: bool = True, **fields: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return translatable({"model": "m", "messages": list(messages) or [USER], **fields}, native=native)


def refused(*messages: Any, **fields: Any) -> str | None:
    with pytest.raises(Unfit) as raised:
        of(*messages, **fields)
    assert raised.value.text and "secret" not in raised.value.text
    return raised.value.param


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_fields_are_handed_on_left_out_or_refused() -> None:
    kept = {"temperature": 0.1, "stop": ["x"], "seed": 3, "reasoning_effort": "low", "max_tokens": 5}
    left_out = {"store": True, "metadata": {"a": "b"}, "user": "u", "stream": True, "service_tier": "flex"}
    assert of(**kept, **left_out, top_p=None) == ([USER], kept)
    assert refused(api_key="secret") == "api_key"
    assert refused(mock_response="secret") == "mock_response"
    assert refused(fallbacks=["secret"]) == "fallbacks"
    assert refused(**{"bad name": "secret"}) is None


@pytest.mark.parametrize(
    "name",
    ["api_base", "base_url", "custom_llm_provider", "extra_headers", "extra_body", "callbacks",
     "cached_content", "vertex_credentials", "model_list", "num_retries", "timeout", "litellm_params",
     "functions", "web_search_options", "drop_params", "mock_tool_calls", "logger_fn", "prompt_id",
     "input_cost_per_token", "client", "tags"],
)  # fmt: skip
def test_arguments_of_litellms_are_no_fields(name: str) -> None:
    assert refused(**{name: "secret"}) == name


def test_messages_are_written_anew() -> None:
    messages, _ = of(
        {"role": "developer", "content": "be brief", "secret": 1},
        {"role": "user", "name": "bob", "content": "hi", "cache_control": {"type": "ephemeral"}},
        {"role": "assistant", "content": None, "refusal": None, "audio": {"id": "x"},
         "provider_specific_fields": {"server_side_tool_invocations": [{}]},
         "tool_calls": [{**CALL, **SIGNED, "secret": 1}]},
        {"role": "tool", "tool_call_id": "1",
         "content": [{"type": "text", "text": "2", "cache_control": {}}]},
        {"role": "assistant", "reasoning_content": "hm", **SIGNED,
         "content": [{"type": "text", "text": "th"}, {"type": "refusal", "refusal": "ree"}]},
    )  # fmt: skip
    assert messages == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi", "name": "bob"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**CALL, "provider_specific_fields": {"thought_signature": "sig"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "2"}]},
        {
            "role": "assistant",
            "content": "three",
            "provider_specific_fields": {"thought_signatures": ["sig"]},
        },
    ]


def test_other_providers_get_reasoning_back_and_no_signatures() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "sig", "secret": 1}
    (_, said), _ = of(
        USER,
        {"role": "assistant", "content": "x", "reasoning_content": "hm",
         "thinking_blocks": [thought, 5], **SIGNED},
        native=False,
    )  # fmt: skip
    assert said == {
        "role": "assistant",
        "content": "x",
        "reasoning_content": "hm",
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}],
    }


def test_parts() -> None:
    given = user(
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low", "format": "x"}},
        {"type": "image_url", "image_url": PICTURE},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    )
    ((message,), _) = of(given)
    assert [part["type"] for part in message["content"]] == [
        "text", "image_url", "image_url", "input_audio", "file",
    ]  # fmt: skip
    assert message["content"][1]["image_url"] == {"url": PICTURE, "detail": "low"}
    assert message["content"][4]["file"] == {"file_data": "data:application/pdf;base64,JVBERi0="}


@pytest.mark.parametrize(
    "url",
    ["https://example.com/secret.png", "http://169.254.169.254/latest/meta-data", "gs://bucket/secret",
     "file:///etc/passwd", "/etc/passwd", "data:text/html;base64,PGh0bWw+", "data:image/png,raw", "",
     "data:image/png;base64,https://example.com/secret.png", "data:image/png;base64,gs://bucket/secret",
     None, 5, {"url": "secret"}],
)  # fmt: skip
def test_no_address_is_fetched(url: Any) -> None:
    path = "messages[0].content[0]"
    assert refused(user({"type": "image_url", "image_url": {"url": url}})) == f"{path}.image_url.url"
    if url is not None:
        part = {
            "type": "file",
            "file": {"file_data": "secret" if url == "data:text/html;base64,PGh0bWw+" else url},
        }
        assert refused(user(part)) == f"{path}.file.file_data"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (5, ""),
        ({"role": "function", "content": "x"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": []}, ".content"),
        ({"role": "user", "content": [5]}, ".content[0]"),
        (user({"type": "video_url", "video_url": {"url": "secret"}}), ".content[0].type"),
        (user({"type": "text", "text": 5}), ".content[0].text"),
        (user({"type": "file", "file": {"file_id": "secret"}}), ".content[0].file"),
        (user({"type": "input_audio", "input_audio": {"data": "https://secret", "format": "wav"}}),
         ".content[0].input_audio.data"),
        (user({"type": "input_audio", "input_audio": {"data": "", "format": "../secret"}}),
         ".content[0].input_audio.format"),
        ({"role": "system", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}, ".content"),
        ({"role": "tool", "tool_call_id": "nowhere", "content": "x"}, ".tool_call_id"),
        ({"role": "assistant", "tool_calls": "x"}, ".tool_calls"),
        ({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": 5}}]}, ".tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "secret"}}]},
         ".tool_calls[0].function.arguments"),
        ({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "[]"}}]},
         ".tool_calls[0].function.arguments"),
    ],
)  # fmt: skip
def test_messages_that_are_refused(message: Any, param: str) -> None:
    assert refused(USER, message) == f"messages[1]{param.replace('messages[0]', '')}"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": 5}, "tools"),
        ({"tools": [5]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_url": "https://secret"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]},
         "tools[0].function.parameters"),
        ({"tool_choice": "secret"}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"response_format": "secret"}, "response_format"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}},
         "response_format.json_schema.schema"),
    ],
)  # fmt: skip
def test_tools_and_formats_that_are_refused(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields) == param


def test_tools_and_formats() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    schema = {"name": "s", "strict": True, "schema": {"type": "object"}}
    _, fields = of(
        tools=[{"type": "function", "function": {**function, "secret": 1}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        response_format={"type": "json_schema", "json_schema": {**schema, "secret": 1}},
        parallel_tool_calls=False,
    )
    assert fields == {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": schema},
        "parallel_tool_calls": False,
    }
    assert of(tools=[], tool_choice="none", response_format={"type": "json_object"})[1] == {
        "tool_choice": "none",
        "response_format": {"type": "json_object"},
    }


def doubling(levels: int) -> dict[str, Any]:
    """A schema each of whose definitions refers to the next one twice."""
    definitions: dict[str, Any] = {
        f"d{level}": {"properties": {name: {"$ref": f"#/$defs/d{level + 1}"} for name in "ab"}}
        for level in range(levels)
    }
    return {
        "properties": {"x": {"$ref": "#/$defs/d0"}},
        "$defs": {**definitions, f"d{levels}": {"type": "string"}},
    }


def everyone(count: int) -> dict[str, Any]:
    """A schema each of whose definitions refers to all of them."""
    everybody = {f"p{at}": {"$ref": f"#/definitions/d{at}"} for at in range(count)}
    return {
        "properties": everybody,
        "definitions": {f"d{at}": {"properties": everybody} for at in range(count)},
    }


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "fits"),
    [(doubling(3), True), (doubling(40), False), (everyone(3), True), (everyone(9), False), (deep(20), True),
     (deep(200), False), ({"enum": list(range(LARGEST))}, False),
     ({"properties": {"x": {"$ref": "https://example.com/secret"}}}, False),
     ({"properties": {"x": {"$ref": "#/$defs/nowhere"}}}, False), ({"$ref": 5}, False),
     ({"$ref": "#/properties", "properties": 5}, False)],
)  # fmt: skip
def test_a_schema_is_no_bomb_and_refers_to_nothing(schema: dict[str, Any], fits: bool) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    if fits:
        _, fields = of(tools=[tool], response_format=form)
        assert "$ref" not in json.dumps(fields)
        return
    assert refused(tools=[tool]) == "tools[0].function.parameters"
    assert refused(response_format=form) == "response_format.json_schema.schema"


def test_references_are_written_out() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "n": {"type": "integer"}}}
    schema = {
        "type": "object",
        "properties": {
            "tree": {"$ref": "#/$defs/tree", "description": "a tree"},
            "definitions": {"$ref": "#/definitions/a~1b%20c"},
            "kind": {"enum": [{"$ref": "data"}, 1]},
            "self": {"$ref": "#"},
        },
        "required": ["tree"],
        "additionalProperties": False,
        "$defs": {"tree": tree},
        "definitions": {"a/b c": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/tree/properties/n"}]}},
    }
    before = json.dumps(schema)
    assert Inlining().of(schema, "x") == {
        "type": "object",
        "properties": {
            "tree": {
                "type": "object",
                "properties": {"left": {}, "n": {"type": "integer"}},
                "description": "a tree",
            },
            "definitions": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "kind": {"enum": [{"$ref": "data"}, 1]},
            "self": {},
        },
        "required": ["tree"],
        "additionalProperties": False,
    }
    assert json.dumps(schema) == before


def test_many_small_schemas_are_counted_together() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": deep(25)}}
    of(tools=[tool] * 200)
    assert refused(tools=[tool] * 400) == "tools[259].function.parameters"


def test_there_are_bounds_to_what_is_compared() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [CALL] * 100}
    result = {"role": "tool", "tool_call_id": "1", "content": "2"}
    of(USER, *[called, result] * 100)
    assert refused(USER, *[called] * 20) == "messages[4].tool_calls"
    assert refused(USER, {**called, "tool_calls": [CALL] * 400}) == "messages[1].tool_calls"
    assert refused(*[USER] * 10_001) == "messages"


names = st.sampled_from(
    ["messages", "role", "user", "assistant", "tool", "content", "type", "text", "image_url", "url",
     "tool_calls", "function", "name", "arguments", "tools", "parameters", "$ref", "$defs",
     "response_format", "json_schema", "schema", "tool_choice", "extra_content", "google",
     "thought_signature", "id", "tool_call_id", "file", PICTURE]
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | names | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(names, anything), st.lists(anything, max_size=3), st.booleans())
def test_any_request_is_translatable_or_refused_by_name(body: Any, messages: list[Any], native: bool) -> None:
    try:
        told, fields = translatable({**body, "messages": messages}, native=native)
    except Unfit as unfit:
        assert unfit.text
    else:
        json.dumps([told, fields])
        assert told and all(message["role"] in ("system", "user", "assistant", "tool") for message in told)
