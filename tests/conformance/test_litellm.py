"""`provider: litellm`: its vendors by the same file, with nothing of litellm's around them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from config.upstreams import VENDORS
from tests.conformance.native import (
    CHAT,
    LITELLM_KEY,
    aimock,
    body,
    on_the_image,
    root_of,
    route,
    says,
    sse,
)
from tests.support.gateway import Gateway
from tests.support.scripted import (
    CLOSE,
    DONE,
    RESET,
    STREAM_END,
    STREAM_HEAD,
    USAGE,
    Received,
    ScriptedUpstream,
    Wait,
    answer,
    chunk,
    event,
    scripted_upstream,
)

NEVER = threading.Event()
OTHERS = ("anthropic", "gemini", "huggingface", "ollama_chat")
"""Vendors with a wire format of their own, or with more than one."""
CONFIG = """
upstreams:
  lite: {{provider: litellm, base_url: "{root}/v1", api_key: "{key}", headers: {{x-team: a}}}}
  google: {{provider: litellm, base_url: "{root}/v1beta", api_key: "{key}"}}
  mock: {{provider: litellm, base_url: "{mock}", api_key: "{key}"}}
  other: {{provider: openai, base_url: "{root}/other"}}
routes:
"""
WEATHER = {"name": "get_weather", "arguments": '{"city": "Seoul"}'}
FIXTURES: list[dict[str, Any]] = [
    {"match": {"userMessage": "weather"}, "response": {"toolCalls": [WEATHER]}},
    {"match": {"userMessage": "hello"}, "response": {"content": "Hello from somebody else."}},
    {
        "match": {"userMessage": "busy"},
        "response": {"error": {"message": "busy", "type": "x"}, "status": 529},
    },
]
SLOW = "timeouts: {first_token: 400ms, idle: 400ms, total: 2s}"


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shared_gateway(
    shared_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("litellm")
    routes = [
        route("guarded", "lite", "openai/m", more="retries: 0"),
        route("alone", "lite", "openai/m", alone=True, more="retries: 0"),
        route("slow", "lite", "openai/m", alone=True, more=SLOW),
        route("gemini", "google", "gemini/gemini-2.5-flash"),
        route("claude", "mock", "anthropic/claude", alone=True),
        route("llama", "mock", "ollama_chat/llama", alone=True),
        *(
            route(f"at-{v.replace('_', '-')}", "lite", f"{v}/m", alone=True)
            for v in VENDORS
            if v not in OTHERS
        ),
    ]
    with aimock(folder, FIXTURES) as mock:
        text = CONFIG.format(root=root_of(shared_upstream), key=LITELLM_KEY, mock=mock) + "".join(routes)
        with on_the_image(folder, text) as gateway:
            yield gateway


@pytest.fixture
def upstream(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    shared_upstream.reset()
    return shared_upstream


@pytest.fixture
def lite(shared_gateway: Gateway, upstream: ScriptedUpstream) -> Gateway:
    return shared_gateway


def completion(received: Received) -> list[Any]:
    """OpenAI's answer, plain or streamed, with the fields that vendors add."""
    if not received.json.get("stream"):
        head, _, plain = answer()[0].partition(b"\r\n\r\n")
        whole = json.loads(plain) | {"service_tier": "on_demand"}
        return answer(body=json.dumps(whole).encode())
    parts = [event("hel"), event("lo"), finish("stop"), event(usage=USAGE), DONE]
    return [STREAM_HEAD, *map(chunk, parts), STREAM_END]


def finish(reason: str) -> bytes:
    choices = [{"index": 0, "delta": {}, "finish_reason": reason}]
    return event(choices=choices)


def lite_says(upstream: ScriptedUpstream, script: list[Any]) -> None:
    """What the upstream behind litellm answers; the other model says hello."""
    upstream.script = lambda received: completion(received) if received.path.startswith("/other") else script


def said(response: Any) -> tuple[str, list[Any]]:
    """The text of a stream, and its events."""
    lines = response.body.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""], response.body
    events = [json.loads(line[6:]) for line in lines[:-2]]
    text = "".join(c["delta"].get("content") or "" for one in events for c in one["choices"])
    return text, events


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor not in OTHERS])
def test_vendors_that_speak_openais_format(lite, upstream, vendor):
    upstream.script = completion
    name = f"at-{vendor.replace('_', '-')}"
    plain = lite.post(CHAT, body(name, temperature=0.2, max_tokens=5))
    assert (plain.status, plain.json["choices"][0]["message"]["content"]) == (200, "hello")
    assert plain.json["usage"]["total_tokens"] == 120
    text, events = said(lite.post(CHAT, body(name, stream=True)))
    assert text == "hello" and not any("usage" in one for one in events)
    assert len(upstream.received) == 2
    for received in upstream.received:
        assert LITELLM_KEY in json.dumps(received.headers) and received.headers["x-team"] == "a"
        assert received.headers["accept-encoding"] == "identity"
        assert received.json["model"].endswith("m") and "metadata" not in received.json


@pytest.mark.parametrize("name", ["claude", "llama"])
def test_vendors_with_formats_of_their_own(lite, name):
    hello = {"messages": [{"role": "user", "content": "hello"}]}
    plain = lite.post(CHAT, {"model": name, **hello})
    assert (plain.status, plain.json["choices"][0]["message"]["content"]) == (
        200,
        "Hello from somebody else.",
    )
    text, _ = said(lite.post(CHAT, {"model": name, **hello, "stream": True}))
    assert text == "Hello from somebody else."
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    asked = {"model": name, "messages": [{"role": "user", "content": "weather"}], "tools": [tool]}
    choice = lite.post(CHAT, asked).json["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == (
        "get_weather",
        {"city": "Seoul"},
    )
    busy = lite.post(CHAT, {"model": name, "messages": [{"role": "user", "content": "busy"}]})
    assert (busy.status, busy.error["code"]) == (502, "upstream_error")


@pytest.mark.parametrize("streams", [False, True])
def test_gemini_takes_its_own_way(lite, upstream, streams):
    upstream.script = lambda received: (
        [STREAM_HEAD, *map(chunk, sse(says({"text": "yes"}))), STREAM_END]
        if "alt=sse" in received.path
        else answer(body=json.dumps(says({"text": "yes"})).encode())
    )
    response = lite.post(CHAT, body("gemini", stream=streams))
    assert response.status == 200 and b'"yes"' in response.body
    (received,) = upstream.received
    assert received.path.startswith("/v1beta/models/gemini-2.5-flash:")


@pytest.mark.parametrize("asked", [False, True])
def test_usage_is_asked_for_and_only_told_to_whom_asked(lite, upstream, asked):
    upstream.script = completion
    options = {"stream_options": {"include_usage": True}} if asked else {}
    before = lite.metric("headgate_tokens_total", route="alone", type="input")
    _, events = said(lite.post(CHAT, body("alone", stream=True, **options)))
    told = [one for one in events if one.get("usage")]
    assert [one["choices"] for one in told] == ([[]] if asked else [])
    assert upstream.received[0].json["stream_options"] == {"include_usage": True}
    lite.wait_for_metric(before + 60, "headgate_tokens_total", route="alone", type="input")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("script", "status", "served"),
    [
        (answer(status=400, body=b'{"error": {"message": "too hot", "type": "x"}}'), 400, None),
        (answer(status=422, body=b"no JSON"), 422, None),
        (answer(status=401, body=f'{{"error": {{"message": "{LITELLM_KEY}"}}}}'.encode()), 502, "other"),
        (answer(status=404, body=b"{}"), 502, "other"),
        (answer(status=429, headers={"retry-after": "30"}, body=b"{}"), 429, "other"),
        (answer(status=500, body=b"{}"), 502, "other"),
        (answer(status=302, headers={"location": "http://127.0.0.1:9/"}, body=b""), 502, "other"),
        (answer(body=b"no JSON"), 502, "other"),
        (answer(body=b""), 502, None),
        (answer(headers={"content-encoding": "gzip"}), 502, "other"),
        ([RESET], 502, None),
        ([CLOSE], 502, None),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_what_it_was_on_the_wire(lite, upstream, script, status, served, streams):
    lite_says(upstream, script)
    response = lite.post(CHAT, body("alone", stream=streams))
    assert response.status == status and LITELLM_KEY.encode() not in response.body
    assert len(upstream.received) == 1  # litellm retries nothing, and follows nothing
    if status == 429:
        assert response.headers["retry-after"] == "30"
    if status == 400:
        assert response.error["message"] == "too hot"
    guarded = lite.post(CHAT, body("guarded", stream=streams))
    assert guarded.headers["x-headgate-served-variant"] == (served or "it")
    assert guarded.status == (200 if served else status)


@pytest.mark.parametrize(
    "rest",
    [
        [RESET],
        [CLOSE],
        [STREAM_END],
        [chunk(DONE), STREAM_END],
        [chunk(b'data: {"error": {"message": "x"}}\n\n')],
    ],
    ids=["reset", "close", "end", "done without a finish reason", "error"],
)
def test_a_stream_that_breaks_off_ends_with_an_error(lite, upstream, rest):
    begun = threading.Event()
    lite_says(upstream, [STREAM_HEAD, chunk(event("hel")), chunk(event("lo")), Wait(begun), *rest])
    with lite.open(CHAT, body("guarded", stream=True)) as opened:
        assert b"hel" in opened.read_event()
        begun.set()
        told = opened.begin().read()
    assert b'"upstream_error"' in told and b"[DONE]" not in told
    assert len(upstream.received) == 1


@pytest.mark.parametrize("streams", [False, True])
def test_who_leaves_closes_the_call(lite, upstream, streams):
    lite_says(upstream, [Wait(NEVER)])
    with lite.open(CHAT, body("alone", stream=streams), wait=False):
        lite.wait_until(lambda: len(upstream.received) == 1)
    assert upstream.received[0].closed.wait(20)


def test_who_leaves_within_a_stream_closes_the_call(lite, upstream):
    lite_says(upstream, [STREAM_HEAD, chunk(event("hel")), chunk(event("lo")), Wait(NEVER)])
    with lite.open(CHAT, body("alone", stream=True)) as opened:
        opened.read_event()
    assert upstream.received[0].closed.wait(20)


@pytest.mark.parametrize("streams", [False, True])
def test_time_runs_out(lite, upstream, streams):
    lite_says(upstream, [Wait(NEVER)])
    response = lite.post(CHAT, body("slow", stream=streams))
    assert (response.status, response.error["code"]) == (504, "upstream_timeout")
    assert upstream.received[0].closed.wait(20)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"api_version": "secret"}, "api_version"),
        ({"mock_response": "secret"}, "mock_response"),
        ({"fallbacks": ["openai/secret"]}, "fallbacks"),
        ({"top_k": "secret", "thinking": {}}, "thinking"),
    ],
)
def test_litellms_own_arguments_are_refused(lite, upstream, fields, param):
    response = lite.post(CHAT, body("alone", **fields))
    assert (response.status, response.error["param"]) == (400, param)
    assert b"secret" not in response.body and upstream.received == []


def test_models_cannot_be_named_directly(lite):
    response = lite.post(CHAT, body("lite/openai/m"))
    assert (response.status, response.error["code"]) == (404, "model_not_found")


def test_the_key_is_nowhere_and_litellm_says_nothing(lite):
    assert not lite.logged(LITELLM_KEY)
    assert all(entry.get("logger", "").startswith("headgate") for entry in lite.log), lite.log
