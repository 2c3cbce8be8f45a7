"""Whatever a client sends as a chat request, it gets an answer or an error in the envelope."""

from __future__ import annotations

import json

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.scripted import answer

CHAT = "/v1/chat/completions"
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer"]) | anything},
    optional={"content": st.text(max_size=40) | anything, "tool_calls": anything, "name": anything},
)
fields = st.fixed_dictionaries(
    {"model": st.just("solver") | anything, "messages": st.lists(message, max_size=3) | anything},
    optional={
        name: anything
        for name in (
            "metadata", "n", "stream", "stream_options", "max_tokens", "max_completion_tokens", "user",
            "safety_identifier", "store", "temperature", "tools", "functions", "response_format", "text",
            "seed", "api_key", "usage", "error",
        )
    },
)  # fmt: skip
header = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30
)
headers = st.dictionaries(
    st.sampled_from(
        ["x-headgate-key", "x-headgate-difficulty", "x-headgate-items", "x-request-id", "traceparent"]
    ),
    header.map(str.strip),
    max_size=3,
)
some = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def judge(response, upstream) -> None:
    assert response.status in (200, 400, 403, 404, 502), response.body
    assert "x-request-id" in response.headers
    if response.status != 200:
        error = orjson.loads(response.body)["error"]
        assert set(error) == {"message", "type", "param", "code"} and error["message"]
        assert not upstream.received or response.status == 502


@some
@given(anything | fields)
def test_any_json(gateway, upstream, body):
    upstream.reset()
    upstream.script = lambda received: answer("fine")
    try:
        raw = json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raw = json.dumps(body).encode()
    judge(gateway.post(CHAT, raw), upstream)


@some
@given(headers)
def test_any_headers(gateway, upstream, names):
    upstream.reset()
    upstream.script = lambda received: answer("fine")
    body = {"model": "solver", "messages": [{"role": "user", "content": "hi"}]}
    judge(
        gateway.post(CHAT, body, headers={name: value.encode("latin-1") for name, value in names.items()}),
        upstream,
    )


def test_of_equal_keys_the_same_one_routes_and_is_forwarded(gateway, upstream):
    upstream.script = lambda received: answer("fine")
    raw = (
        b'{"model": "nobody", "model": "solver", "metadata": {"rating": "3000"}, '
        b'"metadata": {"rating": "900"}, "messages": [], '
        b'"messages": [{"role": "user", "content": "first", "content": "second"}]}'
    )
    response = gateway.post(CHAT, raw)
    assert response.headers["x-headgate-segment"] == "ordinary"
    forwarded = upstream.received[-1]
    assert forwarded.body.count(b'"messages"') == 1
    assert forwarded.json["messages"] == [{"role": "user", "content": "second"}]
