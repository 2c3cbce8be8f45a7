"""Gemini at Google's OpenAI-compatible endpoint: byte for byte, and what is no answer is a failure."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.support.gateway import Gateway, running_gateway
from tests.support.scripted import (
    DONE,
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
from tests.support.simulated import simulated_upstream

CHAT = "/v1/chat/completions"
KEY = "AIza-canary-of-a-key-0123456789"
CONFIG = """
upstreams:
  google: {{provider: gemini, base_url: "{url}/v1beta/openai", api_key: "{key}"}}
  other: {{provider: openai, base_url: "{url}/v1"}}
routes:
  alone:
    variants: {{gemini: {{upstream: google, model: gemini-2.5-flash, price: {{request: 1}}}}}}
    variant: gemini
    breaker: "off"
  guarded:
    variants:
      gemini: {{upstream: google, model: gemini-2.5-flash, price: {{request: 1}}}}
      other: {{upstream: other, model: other-model, price: {{request: 1}}}}
    variant: gemini
    fallbacks: [other]
    breaker: "off"
  watched:
    variants:
      gemini: {{upstream: google, model: gemini-2.5-flash, price: {{request: 1}}}}
      other: {{upstream: other, model: other-model, price: {{request: 1}}}}
    variant: gemini
    fallbacks: [other]
    retries: 0
    breaker: {{errors: 3, pause: 1h, longest_pause: 1h}}
"""
MALFORMED = "function_call_filter: MALFORMED_FUNCTION_CALL"
UNSAFE = "content_filter: SAFETY"


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shared_gateway(
    shared_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = tmp_path_factory.mktemp("gateway") / "headgate.yaml"
    config.write_text(CONFIG.format(url=shared_upstream.url.removesuffix("/v1"), key=KEY))
    with running_gateway(config) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: Gateway, upstream: ScriptedUpstream) -> Gateway:
    return shared_gateway


def body(model: str = "alone", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}


def whole(finish: str, **message: Any) -> list[Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return answer(body=json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def ending(finish: str, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def gemini_says(upstream: ScriptedUpstream, script: list[Any]) -> None:
    """What Gemini answers; the other model says hello."""
    upstream.script = lambda received: (
        script
        if "gemini" in received.json["model"]
        else (stream(event("hello")) if received.json.get("stream") else answer())
    )


def test_an_answer_passes_byte_for_byte_with_its_signatures(gateway, upstream):
    call = {
        "id": "x",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }
    script = whole("tool_calls", content=None, tool_calls=[call])
    gemini_says(upstream, script)
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "x", "content": "1"},
    ]
    response = gateway.post(CHAT, body(messages=history))
    assert (response.status, response.body) == (200, script[0].partition(b"\r\n\r\n")[2])
    (received,) = upstream.received
    assert received.path == "/v1beta/openai/chat/completions"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.json["messages"] == history


def test_a_stream_passes_byte_for_byte_with_its_signatures(gateway, upstream):
    call = {"id": "x", "function": {"name": "f", "arguments": "{}"}, "type": "function"}  # without an index
    call["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    events = [event(""), event("so"), ending("tool_calls", tool_calls=[call])]
    gemini_says(upstream, stream(*events))
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    response = gateway.post(CHAT, body(**asked))
    assert response.body.startswith(b"".join(events)) and response.body.endswith(DONE)


def tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    parameters["additionalProperties"] = False
    return {"type": "function", "function": {"name": name, "parameters": parameters, "strict": True}}


TOOLS = [tool("weather"), tool("time")]


def made(name: str | None, arguments: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    """A delta of a tool call as Google's endpoint makes it: whole, as a rule, and without an index."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"function": function, "type": "function"} | ({"id": id} if id else {}) | more


def streamed(port: int, **fields: Any) -> Any:
    """The answer that the official client puts together."""
    asked = body(tools=TOOLS, **fields)
    with (
        OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as client,
        client.chat.completions.stream(**asked) as events,
    ):
        (choice,) = events.get_final_completion().choices
    return choice


def calls_of(choice: Any) -> list[tuple[str, str, str]]:
    calls = choice.message.tool_calls
    return [(call.id, call.function.name, call.function.arguments) for call in calls]


SEOUL, OSLO = '{"city":"Seoul"}', '{"city":"Oslo"}'


@pytest.mark.parametrize(
    "parts",
    [
        [[made("weather", SEOUL, "a"), made("time", OSLO, "b")]],
        [[made("weather", SEOUL, "a")], [made("time", OSLO, "b")]],
        [[made("weather", SEOUL, "a")], [made("time", OSLO[:5], "b")], [made(None, OSLO[5:])]],
        [[made("weather", SEOUL, "a", index=0)], [made("time", OSLO, "b", index=1)]],
    ],
    ids=["together", "one by one", "in pieces", "numbered"],
)
def test_the_official_client_puts_parallel_calls_of_a_stream_together(gateway, upstream, parts):
    signed = {"google": {"thought_signature": "c2ln"}}
    parts[0][0]["extra_content"] = signed
    deltas = [event(choices=[{"index": 0, "delta": {"tool_calls": part}}]) for part in parts]
    end = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    gemini_says(upstream, stream(*deltas, event(choices=[end])))
    choice = streamed(gateway.port)
    assert calls_of(choice) == [("a", "weather", SEOUL), ("b", "time", OSLO)]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].extra_content == signed


def test_the_calls_of_each_choice_have_numbers_of_their_own(gateway, upstream):
    both = [{"index": number, "delta": {"tool_calls": [made("time", SEOUL, "a")]}} for number in (0, 1)]
    last = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    gemini_says(upstream, stream(event(choices=both), event(choices=last)))
    response = gateway.post(CHAT, body(stream=True, tools=TOOLS))
    first, end = [json.loads(line[6:]) for line in response.body.split(b"\n\n")[:2]]
    assert [choice["delta"]["tool_calls"][0]["index"] for choice in first["choices"]] == [0, 0]
    assert end["choices"][0]["finish_reason"] == "tool_calls"


def test_with_tools_too_everything_but_the_calls_passes_byte_for_byte(gateway, upstream):
    odd = b'data: {"choices" : [{"index":0, "delta":{"content":"x"}}], "n": 1.50}\n\n'
    large = b'{"id":"a","n":123456789012345678901.10,"function":{"name":"f","arguments":"{}"}}'
    call = b'data: {"choices":[{"delta":{"tool_calls":[%b]},"index":0}]}\n\n'
    events = [b": so\r\n\r\n", odd, call % large, b"data: none\n\n", ending("length")]
    gemini_says(upstream, stream(*events))
    response = gateway.post(CHAT, body(stream=True, tools=TOOLS))
    events[2] = call % (large[:-1] + b',"index":0}')
    assert response.body == b"".join([*events, DONE])


@pytest.mark.parametrize("cut", [10, 60, 90])
def test_a_call_cut_in_two_is_numbered(gateway, upstream, cut):
    whole = event(choices=[{"index": 0, "delta": {"tool_calls": [made("time", SEOUL, "a")]}}])
    parts = [chunk(whole[:cut]), chunk(whole[cut:]), chunk(ending("stop") + DONE[:-2])]
    gemini_says(upstream, [STREAM_HEAD, *parts, STREAM_END])
    assert calls_of(streamed(gateway.port)) == [("a", "time", SEOUL)]


def test_an_event_with_tools_that_never_ends_is_a_failure(gateway, upstream):
    gemini_says(upstream, [STREAM_HEAD, *[chunk(b"x" * 65536)] * 17, STREAM_END])
    response = gateway.post(CHAT, body("guarded", stream=True, tools=TOOLS))
    assert response.status == 200 and b"hello" in response.body


def test_the_official_client_and_the_simulated_endpoint(tmp_path):
    config = tmp_path / "headgate.yaml"
    with simulated_upstream() as google:
        two = 'headers: {x-simulated-tool-calls: "2"}'
        text = CONFIG.format(url=google.url.removesuffix("/v1"), key=KEY)
        config.write_text(text.replace("{provider: gemini,", f"{{provider: gemini, {two},"))
        with running_gateway(config) as gateway:
            choice = streamed(gateway.port, tool_choice="required")
    assert [name for _, name, _ in calls_of(choice)] == ["weather", "time"]
    assert choice.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("finish", "calls"), [(MALFORMED, 2), (UNSAFE, 1), ("content_filter", 1), ("stop", 2)]
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_no_answer_falls_back_and_is_counted(gateway, upstream, finish, calls, streamed):
    script = stream(ending(finish, content="")) if streamed else whole(finish)
    gemini_says(upstream, script)
    response = gateway.post(CHAT, body("guarded", stream=streamed))
    assert response.status == 200 and b"hello" in response.body
    assert response.headers["x-headgate-served-variant"] == "other"
    # What the filter withheld is not asked for again; the rest is as far as the retry budget goes.
    asked = [received.json["model"] for received in upstream.received]
    assert 1 <= asked.count("gemini-2.5-flash") <= calls and asked[-1] == "other-model"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("finish", "words"),
    [(MALFORMED, "failed to answer"), (UNSAFE, "content filter"), ("stop", "failed to answer")],
)
def test_the_client_sees_it_when_it_was_the_last(gateway, upstream, finish, words, streamed):
    gemini_says(upstream, stream(ending(finish)) if streamed else whole(finish))
    response = gateway.post(CHAT, body(stream=streamed))
    assert (response.status, response.error["code"]) == (502, "upstream_error")
    assert words in response.error["message"]
    assert response.headers["x-should-retry"] == "false"


def test_an_answer_that_turns_out_to_be_none_ends_with_an_error(gateway, upstream):
    before = gateway.metric("headgate_attempts_total", result="filtered")
    begun = threading.Event()
    gemini_says(upstream, [STREAM_HEAD, chunk(event("hel")), Wait(begun), chunk(ending(UNSAFE)), STREAM_END])
    with gateway.open(CHAT, body("guarded", stream=True)) as opened:
        assert b"hel" in opened.read_event()
        begun.set()
        rest = opened.begin().read()
    assert rest.startswith(b"data: ") and b'"upstream_error"' in rest and b"[DONE]" not in rest
    gateway.wait_for_metric(before + 1, "headgate_attempts_total", result="filtered")


@pytest.mark.parametrize("cut", [40, 55, 60, 75, 90])
def test_a_finish_reason_cut_in_two_is_seen(gateway, upstream, cut):
    last, begun, cut_off = ending(MALFORMED), threading.Event(), threading.Event()
    parts = [chunk(event("a")), Wait(begun), chunk(b": cut\n\n" + last[:cut]), Wait(cut_off)]
    gemini_says(upstream, [STREAM_HEAD, *parts, chunk(last[cut:] + DONE), STREAM_END])
    with gateway.open(CHAT, body(stream=True)) as opened:
        assert b'"a"' in opened.read_event()
        begun.set()
        assert opened.read_event() == b": cut\n\n"  # and the first half with it
        cut_off.set()
        rest = opened.begin().read()
    assert rest.startswith(b"data: ") and b'"upstream_error"' in rest and b"[DONE]" not in rest


def test_a_stream_of_nothing_is_ambiguous_as_anybodys(gateway, upstream):
    gemini_says(upstream, [STREAM_HEAD, STREAM_END])
    response = gateway.post(CHAT, body("guarded", stream=True))
    assert (response.status, len(upstream.received)) == (502, 1)


def test_running_out_of_tokens_is_an_end(gateway, upstream):
    gemini_says(upstream, whole("length"))
    assert gateway.post(CHAT, body()).status == 200
    gemini_says(upstream, stream(ending("length")))
    assert gateway.post(CHAT, body(stream=True)).body.endswith(DONE)


def test_a_filter_does_not_open_the_breaker_and_a_failure_does(gateway, upstream):
    for finish, asked in ((UNSAFE, 5), (MALFORMED, 3)):
        upstream.received.clear()
        gemini_says(upstream, whole(finish))
        for _ in range(5):
            assert gateway.post(CHAT, body("watched")).status == 200
        assert sum("gemini" in received.json["model"] for received in upstream.received) == asked


def refusal(code: int, word: str, *details: dict[str, Any]) -> bytes:
    error = {"code": code, "message": "not like this", "status": word, "details": list(details)}
    return json.dumps([{"error": error}]).encode()


def test_a_rejection_passes_in_the_envelope(gateway, upstream):
    gemini_says(upstream, answer(status=400, body=refusal(400, "INVALID_ARGUMENT")))
    response = gateway.post(CHAT, body("guarded"))
    assert (response.status, response.error["message"]) == (400, "not like this")
    assert (response.error["type"], response.error["code"]) == ("invalid_request_error", "invalid_argument")
    assert len(upstream.received) == 1


def test_a_wrong_key_is_the_operators_fault_and_never_told(gateway, upstream):
    details = {"reason": "API_KEY_INVALID", "detail": f"Invalid API key: {KEY}"}
    gemini_says(upstream, answer(status=400, body=refusal(400, "INVALID_ARGUMENT", details)))
    assert gateway.post(CHAT, body("guarded")).status == 200  # by the other one
    response = gateway.post(CHAT, body())
    assert (response.status, response.error["code"]) == (502, "upstream_error")
    assert KEY.encode() not in response.body and not gateway.logged(KEY)


def test_how_long_to_wait_may_stand_in_the_body(gateway, upstream):
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.2s"}
    gemini_says(upstream, answer(status=429, body=refusal(429, "RESOURCE_EXHAUSTED", wait)))
    response = gateway.post(CHAT, body())
    assert (response.status, response.headers["retry-after"]) == (429, "37")


NATIVE = """
upstreams:
  google: {provider: gemini, api: native, api_key: "AIza-canary"}
routes:
  solver: {variants: {it: {upstream: google, model: gemini-2.5-flash}}, variant: it}
"""
PLAIN = NATIVE.replace(", api: native", "")
WHAT_TO_DO = "upstreams.google: needs litellm, which is not installed: pip install 'headgate[litellm]'"


def test_without_litellm_the_native_api_is_refused_with_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "headgate.yaml"
    config.write_text(NATIVE)
    command = [sys.executable, "-P", "-m", "gateway.cli.main", "serve", "--config", str(config)]
    ended = subprocess.run(
        [*command, "--state", str(tmp_path / "state")], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (1, f"Error: {WHAT_TO_DO}\n")


def test_an_edit_that_needs_litellm_is_refused_without_it(tmp_path: Path) -> None:
    config = tmp_path / "headgate.yaml"
    config.write_text(PLAIN)
    with running_gateway(config) as gateway:
        config.write_text(NATIVE)
        gateway.wait_until(lambda: gateway.logged(WHAT_TO_DO))
