"""Gemini's native API through a real gateway with litellm: what is sent, what comes back, what fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.native import CHAT, KEY, body, on_the_image, plain, root_of, route, says, sse
from tests.support.gateway import Gateway
from tests.support.scripted import (
    CLOSE,
    RESET,
    STREAM_END,
    STREAM_HEAD,
    ScriptedUpstream,
    Wait,
    answer,
    chunk,
    event,
    scripted_upstream,
    stream,
)

NEVER = threading.Event()
CONFIG = """
upstreams:
  google: {{provider: gemini, api: native, base_url: "{root}/v1beta", api_key: "{key}", query: {{team: a}}}}
  other: {{provider: openai, base_url: "{root}/v1"}}
routes:
"""
SLOW = "timeouts: {first_token: 300ms, idle: 300ms, total: 2s}"


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shared_gateway(
    shared_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    model = "gemini-2.5-flash"
    routes = [
        route("guarded", "google", model),
        route("alone", "google", model, alone=True),
        route("slow", "google", model, alone=True, more=SLOW),
        route("tuned", "google", "tunedModels/orders-1", alone=True),
    ]
    text = CONFIG.format(root=root_of(shared_upstream), key=KEY) + "".join(routes)
    with on_the_image(tmp_path_factory.mktemp("native"), text) as gateway:
        yield gateway


@pytest.fixture
def upstream(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    shared_upstream.reset()
    return shared_upstream


@pytest.fixture
def native(shared_gateway: Gateway, upstream: ScriptedUpstream) -> Gateway:
    return shared_gateway


def gemini_says(upstream: ScriptedUpstream, script: list[Any]) -> None:
    """What Gemini answers; the other model says hello."""
    upstream.script = lambda received: (
        script
        if "/v1beta/" in received.path
        else (stream(event("hello")) if received.json.get("stream") else answer())
    )


def streamed(*events: Any, end: list[Any] | None = None) -> list[Any]:
    return [STREAM_HEAD, *map(chunk, sse(*events)), *([STREAM_END] if end is None else end)]


def paths(upstream: ScriptedUpstream) -> list[str]:
    return [received.path for received in upstream.received]


def test_what_is_sent(native, upstream):
    gemini_says(upstream, plain(says({"text": "yes"})))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    asked = body(
        "alone",
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "where?"}, picture]},
        ],
        temperature=0.3, max_completion_tokens=9, stop=["x"], seed=7, reasoning_effort="low",
        tools=[{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}],
        tool_choice="required", metadata={"rating": "1"}, store=False, user="u",
    )  # fmt: skip
    assert native.post(CHAT, asked).status == 200
    (received,) = upstream.received
    assert received.path == "/v1beta/models/gemini-2.5-flash:generateContent?team=a"
    assert received.headers["x-goog-api-key"] == KEY and "authorization" not in received.headers
    sent = received.json
    assert sent["system_instruction"] == {"parts": [{"text": "be brief"}]}
    text, image = sent["contents"][0]["parts"]
    assert (text, image["inline_data"]["mime_type"]) == ({"text": "where?"}, "image/png")
    settings = sent["generationConfig"]
    assert (settings["temperature"], settings["max_output_tokens"], settings["seed"]) == (0.3, 9, 7)
    assert settings["stop_sequences"] == ["x"] and settings["thinkingConfig"]["includeThoughts"] is True
    (declared,) = sent["tools"][0]["function_declarations"]
    assert declared["name"] == "f" and declared["parameters"]["required"] == ["city"]
    assert sent["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"


def test_structured_outputs_become_a_schema(native, upstream):
    gemini_says(upstream, plain(says({"text": "{}"})))
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "integer"}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": schema}}
    assert native.post(CHAT, body("alone", response_format=form)).status == 200
    settings = upstream.received[0].json["generationConfig"]
    assert settings["response_mime_type"] == "application/json"
    assert "integer" in json.dumps(settings).lower()


def test_a_tuned_model_stands_under_its_own_path(native, upstream):
    gemini_says(upstream, plain(says({"text": "yes"})))
    assert native.post(CHAT, body("tuned")).status == 200
    assert paths(upstream) == ["/v1beta/tunedModels/orders-1:generateContent?team=a"]


def test_a_plain_answer_with_usage_and_cost(native, upstream):
    gemini_says(upstream, plain(says({"text": "yes"}, responseId="abc")))
    response = native.post(CHAT, body("alone"))
    assert response.json["choices"][0]["message"]["content"] == "yes"
    assert response.json["usage"]["completion_tokens_details"] == {"reasoning_tokens": 5}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-headgate-model"] == "gemini-2.5-flash"
    cost = (60 * 1 + 40 * 0.5 + 20 * 2) / 1_000_000
    assert float(response.headers["x-headgate-cost-usd"]) == pytest.approx(cost)


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_with_the_usage_that_was_asked_for(native, upstream, asked):
    gemini_says(upstream, streamed(says({"text": "hel"}, finish=None), says({"text": "lo"}), says()))
    before = native.metric("headgate_tokens_total", route="alone", type="reasoning")
    options = {"stream_options": {"include_usage": True}} if asked else {}
    response = native.post(CHAT, body("alone", stream=True, **options))
    assert response.headers["content-type"] == "text/event-stream"
    lines = response.body.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    events = [json.loads(line[6:]) for line in lines[:-2]]
    text = "".join(c["delta"].get("content", "") for one in events for c in one["choices"])
    assert text == "hello"
    assert [bool(one.get("usage")) for one in events] == [False, False, False, *([True] if asked else [])]
    native.wait_for_metric(before + 5, "headgate_tokens_total", route="alone", type="reasoning")
    assert paths(upstream) == ["/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&team=a"]


def test_signatures_come_and_go_where_google_puts_them(native, upstream):
    call = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    gemini_says(upstream, plain(says(call)))
    message = native.post(CHAT, body("alone")).json["choices"][0]["message"]
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    gemini_says(upstream, plain(says({"text": "done", "thoughtSignature": "dGV4dA=="})))
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "2"}
    history = [{"role": "user", "content": "hi"}, message, result]
    said = native.post(CHAT, body("alone", messages=history)).json["choices"][0]["message"]
    assert said["extra_content"] == {"google": {"thought_signature": "dGV4dA=="}}
    (part,) = upstream.received[-1].json["contents"][1]["parts"]
    assert part == {"function_call": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    native.post(CHAT, body("alone", messages=[*history, said, {"role": "user", "content": "more"}]))
    (part,) = upstream.received[-1].json["contents"][3]["parts"]
    assert part == {"text": "done", "thoughtSignature": "dGV4dA=="}


NONE = [
    (says(finish="MALFORMED_FUNCTION_CALL"), 2),
    (says(finish="UNEXPECTED_TOOL_CALL"), 2),
    (says(), 2),
    ({"usageMetadata": {"promptTokenCount": 5}}, 2),
    ({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}, 2),
    (says(finish="SAFETY"), 1),
    (says({"text": "I "}, finish="RECITATION"), 1),
    ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, 1),
]


@pytest.mark.parametrize(("said", "calls"), NONE)
@pytest.mark.parametrize("streams", [False, True])
def test_what_is_no_answer_falls_back_and_is_an_error_when_it_was_the_last(
    native, upstream, said, calls, streams
):
    gemini_says(upstream, streamed(said) if streams else plain(said))
    response = native.post(CHAT, body("guarded", stream=streams))
    assert response.status == 200 and b"hello" in response.body
    assert response.headers["x-headgate-served-variant"] == "other"
    # What the filter withheld is not asked for again; the rest is as far as the retry budget goes.
    assert 1 <= len(upstream.received) - 1 <= calls
    last = native.post(CHAT, body("alone", stream=streams))
    assert (last.status, last.error["code"]) == (502, "upstream_error")


@pytest.mark.parametrize(
    "end",
    [
        sse(says(finish="SAFETY")),
        sse({"error": {"code": 500, "message": "x"}}),
        [],
        [RESET],
        [CLOSE],
        [b"zz"],
    ],
    ids=["filter", "error", "no finish reason", "reset", "close", "framing"],
)
def test_a_stream_that_breaks_off_ends_with_an_error(native, upstream, end):
    begun = threading.Event()
    rest = [chunk(one) if isinstance(one, bytes) and one[:4] == b"data" else one for one in end]
    last = [] if end and end[0] in (RESET, CLOSE, b"zz") else [STREAM_END]
    gemini_says(
        upstream, [STREAM_HEAD, chunk(sse(says({"text": "hel"}, finish=None))[0]), Wait(begun), *rest, *last]
    )
    with native.open(CHAT, body("guarded", stream=True)) as opened:
        assert b'"hel"' in opened.read_event()
        begun.set()
        told = opened.begin().read()
    assert b'"upstream_error"' in told and b"[DONE]" not in told


def test_a_stream_of_nothing_is_ambiguous_as_anybodys(native, upstream):
    gemini_says(upstream, [STREAM_HEAD, STREAM_END])
    assert native.post(CHAT, body("guarded", stream=True)).status == 502
    assert len(upstream.received) == 1


def failure(code: int, word: str, *details: dict[str, Any]) -> list[Any]:
    error = {"code": code, "message": f"not like this, {KEY}", "status": word, "details": list(details)}
    return plain({"error": error}, status=code)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("script", "status", "served"),
    [
        (failure(400, "INVALID_ARGUMENT"), 400, None),
        (failure(400, "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID", "detail": KEY}), 502, "other"),
        (failure(403, "PERMISSION_DENIED"), 502, "other"),
        (failure(404, "NOT_FOUND"), 502, "other"),
        (failure(429, "RESOURCE_EXHAUSTED", {"retryDelay": "37s"}), 429, "other"),
        (failure(503, "UNAVAILABLE"), 502, "other"),
        (plain([]), 502, "other"),
        (answer(status=302, headers={"location": "http://127.0.0.1:9/"}, body=b""), 502, "other"),
    ],
)
def test_errors_are_statuses(native, upstream, script, status, served, streams):
    gemini_says(upstream, script)
    response = native.post(CHAT, body("alone", stream=streams))
    assert response.status == status and KEY.encode() not in response.body
    if status == 400:
        assert response.error["message"] == "not like this, ***"
    if status == 429:
        assert response.headers["retry-after"] == "37"
    guarded = native.post(CHAT, body("guarded", stream=streams))
    assert guarded.headers["x-headgate-served-variant"] == (served or "it")
    assert guarded.status == (200 if served else status)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"verbosity": "low"}, "verbosity"),
        ({"mock_response": "secret"}, "mock_response"),
        ({"tools": [{"type": "mcp", "server_url": "http://127.0.0.1:9"}]}, "tools[0].type"),
        ({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}]}]},
         "messages[0].content[0].image_url.url"),
        ({"reasoning_effort": "as much as you can"}, None),
    ],
)  # fmt: skip
def test_what_cannot_be_translated_is_refused_and_nothing_is_sent(native, upstream, fields, param):
    response = native.post(CHAT, body("guarded", **fields))
    assert (response.status, response.error["param"]) == (400, param)
    assert response.error["type"] == "invalid_request_error"
    assert upstream.received == []


def test_who_leaves_closes_the_call(native, upstream):
    held = {
        False: [b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", Wait(NEVER)],
        True: [*streamed(says({"text": "a"}, finish=None), end=[]), Wait(NEVER)],
    }
    for streams, begun in ((False, False), (True, False), (True, True)):
        upstream.received.clear()
        gemini_says(upstream, held[streams] if begun or not streams else [Wait(NEVER)])
        with native.open(CHAT, body("alone", stream=streams), wait=False) as opened:
            native.wait_until(lambda: len(upstream.received) == 1)
            if begun:
                opened.read_event()
        assert upstream.received[0].closed.wait(20)


@pytest.mark.parametrize(
    ("streams", "script"),
    [
        (True, [Wait(NEVER)]),
        (True, [STREAM_HEAD, chunk(b": nothing yet\n\n"), Wait(NEVER)]),
        (True, [*streamed(says(finish=None), end=[]), Wait(NEVER)]),
        (False, [Wait(NEVER)]),
        (False, [b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", Wait(NEVER)]),
    ],
)
def test_time_runs_out(native, upstream, streams, script):
    gemini_says(upstream, script)
    response = native.post(CHAT, body("slow", stream=streams))
    assert (response.status, response.error["code"]) == (504, "upstream_timeout")
    assert upstream.received[0].closed.wait(20)


def test_a_pause_within_a_stream_runs_out(native, upstream):
    gemini_says(upstream, [*streamed(says({"text": "a"}, finish=None), end=[]), Wait(NEVER)])
    response = native.post(CHAT, body("slow", stream=True))
    assert b'"a"' in response.body and b'"upstream_error"' in response.body
    assert upstream.received[0].closed.wait(20)


def test_the_key_is_nowhere(native):
    assert not native.logged(KEY)
    for path in ("/metrics", "/admin/v1/config"):
        assert KEY.encode() not in native.get(path, port=native.admin_port).body
