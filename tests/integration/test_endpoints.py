"""Completions, embeddings and responses over real sockets: what an application sees of each."""

from __future__ import annotations

import http.client
import json
import socket
import threading

import pytest

from tests.support.responses import (
    COMPLETED,
    COST,
    CREATED,
    WHOLE,
    delta,
    events,
    plain,
    response,
    typed,
)
from tests.support.responses import USAGE as RESPONSE_USAGE
from tests.support.scripted import (
    CLOSE,
    DONE,
    STREAM_HEAD,
    USAGE,
    Wait,
    answer,
    chunk,
    event,
    stream,
)

COMPLETIONS, EMBEDDINGS, RESPONSES = "/v1/completions", "/v1/embeddings", "/v1/responses"
ASKED = {
    COMPLETIONS: {"model": "solver", "prompt": "Say this"},
    EMBEDDINGS: {"model": "solver", "input": ["one", "two"]},
    RESPONSES: {"model": "solver", "input": "Say this"},
}
ODD = b'{ "usage" : {"%b":100,"total_tokens":100},\n "x":[1.0,"\\u00e9"] , "id":"resp_odd"}'
FIRST = {COMPLETIONS: b"prompt_tokens", EMBEDDINGS: b"prompt_tokens", RESPONSES: b"input_tokens"}


@pytest.fixture(params=ASKED)
def path(request):
    return request.param


def test_a_body_comes_back_byte_for_byte(gateway, upstream, path):
    odd = ODD % FIRST[path]
    upstream.script = lambda received: answer(body=odd)
    got = gateway.post(path, ASKED[path])
    assert (got.status, got.body) == (200, odd)
    assert got.headers["x-headgate-served-variant"] == "base"
    assert float(got.headers["x-headgate-cost-usd"]) == pytest.approx(100 / 1e6)


def test_unknown_fields_reach_the_upstream_unchanged(gateway, upstream, path):
    fields = {"seed": 2**70, "vendor": {"deep": [None, True, 1.5, "é\u2028"]}, "user": "someone"}
    gateway.post(path, ASKED[path] | fields)
    (received,) = upstream.received
    assert received.path == path
    assert received.json == ASKED[path] | fields | {"model": "base-model"}


def test_metadata_is_a_part_of_responses_only(gateway, upstream, path):
    got = gateway.post(path, ASKED[path] | {"metadata": {"rating": "2700"}})
    assert got.headers["x-headgate-segment"] == "hard"
    assert ("metadata" in upstream.received[0].json) == (path == RESPONSES)


def test_a_sticky_key_keeps_its_variant(gateway, path):
    for field in ("user", "safety_identifier"):
        body = ASKED[path] | {"metadata": {"rating": "2700"}, field: f"{field} 7"}
        assert len({gateway.post(path, body).headers["x-headgate-variant"] for _ in range(4)}) == 1


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        (COMPLETIONS, {"prompt": None}, "prompt"),
        (COMPLETIONS, {"prompt": []}, "prompt"),
        (COMPLETIONS, {"max_tokens": -1}, "max_tokens"),
        (COMPLETIONS, {"stream": "yes"}, "stream"),
        (COMPLETIONS, {"api_key": "x"}, "api_key"),
        (EMBEDDINGS, {"input": ""}, "input"),
        (EMBEDDINGS, {"input": {"a": 1}}, "input"),
        (EMBEDDINGS, {"dimensions": 0}, "dimensions"),
        (EMBEDDINGS, {"stream": True}, "stream"),
        (RESPONSES, {"input": 7}, "input"),
        (RESPONSES, {"max_output_tokens": 1.5}, "max_output_tokens"),
        (RESPONSES, {"metadata": []}, "metadata"),
        (RESPONSES, {"previous_response_id": 7}, "previous_response_id"),
        (RESPONSES, {"previous_response_id": ""}, "previous_response_id"),
        (RESPONSES, {"model": None}, "model"),
    ],
)
def test_what_no_upstream_could_serve_is_refused_by_name(gateway, upstream, path, fields, param):
    got = gateway.post(path, ASKED[path] | fields)
    assert (got.status, got.error["param"], got.error["type"]) == (400, param, "invalid_request_error")
    assert not upstream.received


def test_other_methods_and_paths(gateway, path):
    assert gateway.get(path).status == 405
    assert gateway.post(path + "/x/y/z", {}).status == 404
    assert gateway.post(path, ASKED[path], key="nobody").status == 401


def test_completions_may_ask_for_no_tokens_and_for_many_prompts(gateway, upstream):
    body = ASKED[COMPLETIONS] | {"max_tokens": 0, "echo": True, "logprobs": 1, "prompt": [[1, 2], [3]]}
    assert gateway.post(COMPLETIONS, body).status == 200
    assert upstream.received[0].json["prompt"] == [[1, 2], [3]]


def test_a_stream_of_completions_hides_the_usage_that_nobody_asked_for(gateway, upstream):
    parts = [b'data: {"id":"cmpl-1","choices":[{"text":"a"}]}\n\n', b'data: {"choices":[{"text":"b"}]}\n\n']
    upstream.script = lambda received: stream(*parts)
    got = gateway.post(COMPLETIONS, ASKED[COMPLETIONS] | {"stream": True})
    assert got.body == b"".join(parts) + DONE
    assert upstream.received[0].json["stream_options"] == {"include_usage": True}
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    got = gateway.post(COMPLETIONS, ASKED[COMPLETIONS] | asked)
    assert got.body == b"".join(parts) + event(usage=USAGE) + DONE


def test_embeddings_fall_back_to_the_same_model_only(gateway, upstream):
    upstream.script = lambda received: answer(status=500, body=b"{}")
    got = gateway.post(EMBEDDINGS, ASKED[EMBEDDINGS])
    assert (got.status, got.headers["x-headgate-attempts"]) == (502, "2")
    assert {received.json["model"] for received in upstream.received} == {"base-model"}
    got = gateway.post(COMPLETIONS, ASKED[COMPLETIONS])
    assert upstream.received[-1].json["model"] == "fallback-model"


# ── responses ────────────────────────────────────────────────────────────────────────────────────────


def test_usage_of_a_response(gateway, upstream):
    upstream.script = lambda received: plain(response())
    tokens = {"route": "solver", "variant": "base"}
    before = {
        kind: gateway.metric("headgate_tokens_total", type=kind, **tokens)
        for kind in ("input", "cached_input", "output", "reasoning")
    }
    got = gateway.post(RESPONSES, ASKED[RESPONSES])
    assert float(got.headers["x-headgate-cost-usd"]) == pytest.approx(COST)
    for kind, count in {"input": 60, "cached_input": 40, "output": 15, "reasoning": 5}.items():
        gateway.wait_for_metric(before[kind] + count, "headgate_tokens_total", type=kind, **tokens)


def test_a_response_that_failed_is_tried_again_elsewhere(gateway, upstream):
    def script(received):
        if received.json["model"] != "fallback-model":
            failed = {"code": "server_error", "message": "upstream words"}
            return plain(response(status="failed", error=failed))
        return plain(response("resp_2"))

    upstream.script = script
    got = gateway.post(RESPONSES, ASKED[RESPONSES])
    assert (got.status, got.json["id"]) == (200, "resp_2")
    assert (got.headers["x-headgate-attempts"], got.headers["x-headgate-served-variant"]) == ("3", "fallback")


def test_a_response_that_finds_fault_with_the_request_passes(gateway, upstream):
    body = response(status="failed", error={"code": "invalid_prompt", "message": "upstream words"})
    upstream.script = lambda received: plain(body)
    got = gateway.post(RESPONSES, ASKED[RESPONSES])
    assert (got.status, got.json) == (200, body)
    assert len(upstream.received) == 1
    gateway.wait_for_metric(1, "headgate_attempts_total", variant="base", result="rejected")


def test_a_stream_of_a_response_is_relayed(gateway, upstream):
    upstream.script = lambda received: events(*WHOLE)
    place = {"route": "solver", "segment": "ordinary", "variant": "base"}
    before = gateway.metric("headgate_cost_usd_total", **place)
    got = gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True})
    assert (got.status, got.body) == (200, b"".join(WHOLE))
    assert "stream_options" not in upstream.received[0].json
    gateway.wait_for_metric(before + COST, "headgate_cost_usd_total", **place)


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_stream_cut_anywhere(gateway, upstream, size, newline):
    whole = b"".join([CREATED, b": comment\n\n", *WHOLE[1:]]).replace(b"\n", newline)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    upstream.script = lambda received: events(*pieces)
    assert gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True}).body == whole


def test_the_first_event_arrives_before_the_second_is_sent(gateway, upstream):
    go = threading.Event()
    script = events(*WHOLE)
    script.insert(2, Wait(go))
    upstream.script = lambda received: script
    with gateway.open(RESPONSES, ASKED[RESPONSES] | {"stream": True}) as opened:
        assert opened.read_event() == CREATED
        go.set()
        assert opened.read_event() == WHOLE[1]


def test_nothing_follows_the_last_event_and_its_blank_line_may_be_missing(gateway, upstream):
    upstream.script = lambda received: events(*WHOLE, DONE)
    assert gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True}).body == b"".join(WHOLE)
    upstream.script = lambda received: events(*WHOLE[:-1], COMPLETED.rstrip())
    assert gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True}).body == b"".join(WHOLE)


def test_words_that_look_like_the_protocol_are_data(gateway, upstream):
    tricky = [CREATED, delta('"response.completed"', 1), delta('{"type":"error"}', 2), COMPLETED]
    upstream.script = lambda received: events(*tricky)
    assert gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True}).body == b"".join(tricky)


@pytest.mark.parametrize(
    "first",
    [
        typed("error", 0, code="server_error", message="upstream words", param=None),
        typed("response.failed", 0, response=response(status="failed", error={"code": "server_error"})),
        typed("response.failed", 0, response=response(status="failed")),
        b'data: {"error": {"message": "upstream words"}}\n\n',
    ],
)
def test_an_error_before_anything_else_is_tried_again(gateway, upstream, first):
    upstream.script = lambda received: events(
        *((first,) if received.json["model"] == "base-model" else WHOLE)
    )
    got = gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True})
    assert (got.body, got.headers["x-headgate-served-variant"]) == (b"".join(WHOLE), "fallback")


@pytest.mark.parametrize(
    "rest",
    [
        [chunk(typed("error", 2, code="server_error", message="upstream words", param=None))],
        [CLOSE],
        [chunk(b"")],
    ],
    ids=["error", "closed", "ended"],
)
def test_a_stream_that_breaks_off_ends_with_one_error_event(gateway, upstream, rest):
    upstream.script = lambda received: [STREAM_HEAD, chunk(CREATED), chunk(delta("a", 1)), *rest]
    got = gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True})
    kept = CREATED + delta("a", 1)
    assert got.body.startswith(kept)
    name, data = got.body[len(kept) :].rstrip(b"\n").split(b"\n")
    told = json.loads(data.removeprefix(b"data: "))
    assert name == b"event: error"
    assert (told["type"], told["code"], told["sequence_number"]) == ("error", "upstream_error", 2)
    assert told["error"]["message"] == told["message"] and "upstream words" not in told["message"]


@pytest.mark.parametrize(("code", "status"), [("server_error", "upstream_error"), ("bad", "client_error")])
def test_a_response_that_fails_in_the_middle_is_told_by_the_upstreams_own_event(
    gateway, upstream, code, status
):
    failed = response(status="failed", error={"code": code, "message": "words"}, usage=RESPONSE_USAGE)
    parts = [CREATED, typed("response.failed", 1, response=failed)]
    upstream.script = lambda received: events(*parts)
    place = {"route": "solver", "variant": "base", "status": status}
    before = gateway.metric("headgate_requests_total", **place)
    assert gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True}).body == b"".join(parts)
    gateway.wait_for_metric(before + 1, "headgate_requests_total", **place)


def test_an_event_may_hold_a_picture(gateway, upstream):
    picture = typed("response.image_generation_call.partial_image", 1, partial_image_b64="A" * 3_000_000)
    upstream.script = lambda received: events(CREATED, picture, COMPLETED)
    got = gateway.post(RESPONSES, ASKED[RESPONSES] | {"stream": True})
    assert got.body == CREATED + picture + COMPLETED


def test_compaction_and_counting_stand_aside(gateway, upstream):
    upstream.script = lambda received: plain({"object": "response.input_tokens", "input_tokens": 11})
    got = gateway.post(RESPONSES + "/input_tokens", ASKED[RESPONSES])
    assert got.json["input_tokens"] == 11
    assert float(got.headers["x-headgate-cost-usd"]) == 0 and "x-headgate-validate" not in got.headers
    upstream.script = lambda received: plain(response("resp_c", object="response.compaction"))
    got = gateway.post(RESPONSES + "/compact", ASKED[RESPONSES])
    assert float(got.headers["x-headgate-cost-usd"]) == pytest.approx(COST)
    assert [received.path for received in upstream.received] == [
        "/v1/responses/input_tokens", "/v1/responses/compact",
    ]  # fmt: skip
    assert gateway.get(RESPONSES + "/compact").status == 405


# ── stored responses, as far as their upstream does not have to be one ───────────────────────────────


@pytest.fixture
def made(gateway, upstream):
    """The id of a response of the scripted upstream's, made by the variant `only` of the route `slow`."""
    upstream.script = lambda received: plain(response("resp_made"))
    assert gateway.post(RESPONSES, {"model": "slow", "input": "hi"}).status == 200
    upstream.received.clear()
    return RESPONSES + "/resp_made"


@pytest.mark.parametrize(
    ("status", "told", "code"),
    [(401, 502, "upstream_error"), (500, 502, "upstream_error"), (429, 429, "rate_limit_exceeded")],
)
def test_what_concerns_us_is_told_in_our_own_words(gateway, upstream, made, status, told, code):
    upstream.script = lambda received: answer(status=status, body=b'{"error": "upstream words"}')
    got = gateway.get(made)
    assert (got.status, got.error["code"]) == (told, code)


@pytest.mark.parametrize("status", [400, 404, 409])
def test_what_concerns_the_client_passes(gateway, upstream, made, status):
    upstream.script = lambda received: answer(status=status, body=b'{ "error" :1}')
    got = gateway.get(made + "?include[]=x%20y")
    assert (got.status, got.body) == (status, b'{ "error" :1}')
    (received,) = upstream.received
    assert received.path == "/v1/responses/resp_made?include[]=x%20y"
    assert received.headers["authorization"] == "Bearer upstream-secret"


def test_what_only_reads_is_asked_again(gateway, upstream, made):
    answers = iter([[CLOSE], plain(response("resp_made"))])
    upstream.script = lambda received: next(answers)
    assert gateway.get(made).json["id"] == "resp_made"
    upstream.script = lambda received: [CLOSE]
    assert gateway.request("DELETE", made).error["code"] == "upstream_error"
    assert len(upstream.received) == 3


def test_it_may_take_too_long(gateway, upstream, made):
    upstream.script = lambda received: [Wait(threading.Event())]
    assert gateway.get(made).error["code"] == "upstream_timeout"


def test_a_replay_that_breaks_off_is_cut(gateway, upstream, made):
    upstream.script = lambda received: [STREAM_HEAD, chunk(CREATED), CLOSE]
    with pytest.raises(http.client.IncompleteRead):
        gateway.get(made + "?stream=true")
    upstream.script = lambda received: [STREAM_HEAD, chunk(CREATED), Wait(threading.Event())]
    with pytest.raises(http.client.IncompleteRead):
        gateway.get(made + "?stream=true&starting_after=3")


def test_one_that_is_gone_when_it_is_asked_for_leaves_no_call(gateway, upstream, made):
    held = threading.Event()
    upstream.script = lambda received: [Wait(held)]
    client = socket.create_connection(("127.0.0.1", gateway.port))
    client.sendall(f"GET {made} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hg_app\r\n\r\n".encode())
    gateway.wait_until(lambda: bool(upstream.received))
    client.close()
    assert upstream.received[0].closed.wait(20)
    held.set()


def test_an_unreachable_upstream_leaves_it_open_who_has_made_it(gateway, upstream):
    upstream.script = lambda received: answer(status=404, body=b"{}")
    assert gateway.get(RESPONSES + "/resp_unknown").error["code"] == "upstream_error"
    upstream.script = lambda received: plain(response("resp_unknown"))
    assert gateway.get(RESPONSES + "/resp_unknown").json["id"] == "resp_unknown"
