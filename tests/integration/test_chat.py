"""Chat completions over real sockets: what an application that changed its base URL sees."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tests.support.scripted import USAGE, Wait, answer, event, stream

CHAT = "/v1/chat/completions"


def body(**fields: object) -> dict[str, object]:
    return {"model": "solver", "messages": [{"role": "user", "content": "hi"}], **fields}


def test_body_comes_back_byte_for_byte(gateway, upstream):
    odd = b'{ "usage": {"prompt_tokens":1,"completion_tokens":2} ,\n "x" : [1.0, "\\u00e9"],"choices":[]}'
    upstream.script = lambda received: answer(body=odd)
    response = gateway.post(CHAT, body())
    assert response.status == 200
    assert response.body == odd


def test_unknown_fields_reach_the_upstream_unchanged(gateway, upstream):
    fields = {"seed": 2**70, "logit_bias": {"50256": -100}, "vendor": {"deep": [None, True, 1.5, "é\u2028"]}}
    gateway.post(CHAT, body(**fields))
    sent = upstream.received[0].json
    assert {name: sent[name] for name in fields} == fields
    assert sent["model"] == "base-model"


def test_gateway_owned_fields(gateway, upstream):
    gateway.post(CHAT, body(metadata={"rating": "900"}))
    assert "metadata" not in upstream.received[0].json
    gateway.post(CHAT, body(metadata={"rating": "900"}, store=True))
    assert upstream.received[1].json["metadata"] == {"rating": "900"}


def test_credentials_are_the_upstreams_own(gateway, upstream):
    gateway.post(CHAT, body(), headers={"cookie": "a=b", "x-api-key": "mine", "user-agent": "app/1"})
    headers = upstream.received[0].headers
    assert headers["authorization"] == "Bearer upstream-secret"
    assert headers["user-agent"] == "app/1"
    assert "cookie" not in headers and "x-api-key" not in headers


def test_response_headers(gateway, upstream):
    upstream.script = lambda received: answer(
        headers={
            "x-request-id": "up-1",
            "openai-processing-ms": "12",
            "x-ratelimit-remaining-requests": "7",
            "set-cookie": "a=b",
            "server": "internal-host",
        }
    )
    headers = gateway.post(CHAT, body(), headers={"x-headgate-key": "someone"}).headers
    assert re.fullmatch(r"[A-Za-z0-9_-]{80,128}", headers["x-request-id"])
    assert headers["x-headgate-route"] == "solver"
    assert headers["x-headgate-segment"] == "ordinary"
    assert headers["x-headgate-variant"] == headers["x-headgate-served-variant"] == "base"
    assert headers["x-headgate-model"] == "base-model"
    assert headers["x-headgate-reason"] == "variant"
    assert headers["x-headgate-attempts"] == "1"
    assert int(headers["x-headgate-revision"]) >= 1
    # 60 input at 1, 40 cached at 0.5, 20 output at 2 USD a million
    assert float(headers["x-headgate-cost-usd"]) == pytest.approx((60 * 1 + 40 * 0.5 + 20 * 2) / 1e6)
    assert headers["x-upstream-request-id"] == "up-1"
    assert headers["openai-processing-ms"] == "12"
    assert headers["x-ratelimit-remaining-requests"] == "7"
    assert "set-cookie" not in headers and headers.get("server") != "internal-host"


def test_every_request_has_its_own_id(gateway):
    ids = {gateway.post(CHAT, body()).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_explicit_difficulty_chooses_the_segment(gateway):
    easy = gateway.post(CHAT, body(metadata={"rating": "2499"})).headers
    hard = gateway.post(CHAT, body(metadata={"rating": "2500"})).headers
    header = gateway.post(
        CHAT, body(metadata={"rating": "900"}), headers={"x-headgate-difficulty": "3000"}
    ).headers
    assert [one["x-headgate-segment"] for one in (easy, hard, header)] == ["ordinary", "hard", "hard"]
    assert hard["x-headgate-difficulty"] == "2500"


def test_sticky_key_keeps_its_variant(gateway):
    variants = {
        key: {
            gateway.post(CHAT, body(metadata={"rating": "3000"}), headers={"x-headgate-key": key}).headers[
                "x-headgate-variant"
            ]
            for _ in range(4)
        }
        for key in (f"user-{number}" for number in range(30))
    }
    assert all(len(seen) == 1 for seen in variants.values())
    assert {next(iter(seen)) for seen in variants.values()} == {"base", "tuned"}


def test_pin_needs_its_scope(gateway):
    pinned = gateway.post(CHAT, body(), headers={"x-headgate-variant": "tuned"}, key="pinner")
    assert pinned.headers["x-headgate-variant"] == "tuned"
    assert pinned.headers["x-headgate-reason"] == "pinned"
    refused = gateway.post(CHAT, body(), headers={"x-headgate-variant": "tuned"})
    assert (refused.status, refused.error["code"]) == (403, "insufficient_scope")


def test_direct_model_needs_its_scope(gateway, upstream):
    direct = gateway.post(CHAT, body(model="main/any-model"), key="pinner")
    assert direct.status == 200
    assert direct.headers["x-headgate-reason"] == "direct"
    assert upstream.received[0].json["model"] == "any-model"
    assert gateway.post(CHAT, body(model="main/any-model")).error["code"] == "model_not_found"


def test_further_names_of_a_route(gateway):
    assert gateway.post(CHAT, body(model="gpt-5")).headers["x-headgate-route"] == "solver"


def test_models(gateway):
    listed = gateway.get("/v1/models").json
    assert {model["id"] for model in listed["data"]} == {"solver", "slow", "brief"}
    assert gateway.get("/v1/models/solver").json["object"] == "model"
    assert gateway.get("/v1/models/gpt-5").json["id"] == "gpt-5"
    assert gateway.get("/v1/models/nothing").error["code"] == "model_not_found"
    assert {model["id"] for model in gateway.get("/v1/models", key="narrow").json["data"]} == {"slow"}


def test_key_of_another_route(gateway):
    assert gateway.post(CHAT, body(), key="narrow").error["code"] == "model_not_found"


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────


def test_stream_is_relayed_and_usage_hidden(gateway, upstream):
    events = [event("", role="assistant"), event("Hel"), event("lo\u2028é")]
    upstream.script = lambda received: stream(*events)
    response = gateway.post(CHAT, body(stream=True))
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.body == b"".join(events) + b"data: [DONE]\n\n"
    assert upstream.received[0].json["stream_options"] == {"include_usage": True}
    assert "x-headgate-cost-usd" not in response.headers


def test_usage_chunk_stays_when_asked_for(gateway, upstream):
    upstream.script = lambda received: stream(event("a"))
    response = gateway.post(CHAT, body(stream=True, stream_options={"include_usage": True}))
    chunks = [json.loads(line[6:]) for line in response.body.split(b"\n\n")[:-2]]
    assert chunks[-1]["usage"] == USAGE


def test_stream_counts_its_cost(gateway, upstream):
    upstream.script = lambda received: stream(event("a"))
    before = gateway.metric("headgate_cost_usd_total", route="solver", variant="base")
    gateway.post(CHAT, body(stream=True))
    gateway.wait_for_metric(
        before + (60 * 1 + 40 * 0.5 + 20 * 2) / 1e6, "headgate_cost_usd_total", route="solver", variant="base"
    )


def test_first_event_arrives_before_the_second_is_sent(gateway, upstream):
    go = threading.Event()
    script = stream(event("a"), event("b"))
    script.insert(2, Wait(go))
    upstream.script = lambda received: script
    with gateway.open(CHAT, body(stream=True)) as response:
        assert response.read_event() == event("a")
        go.set()
        assert response.read_event() == event("b")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_stream_cut_anywhere(gateway, upstream, size):
    whole = b"".join(
        [event("é안녕\u2028"), b": comment\n\n", event("b"), event(usage=USAGE), b"data: [DONE]\n\n"]
    )
    head, *rest = stream()
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    upstream.script = lambda received: [
        head,
        *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces),
        b"0\r\n\r\n",
    ]
    response = gateway.post(CHAT, body(stream=True))
    assert response.body == whole.replace(event(usage=USAGE), b"")


def test_crlf_stream(gateway, upstream):
    events = [event("a"), event("b"), b"data: [DONE]\n\n"]
    upstream.script = lambda received: [
        stream()[0],
        *(b"%x\r\n%b\r\n" % (len(part), part) for part in (one.replace(b"\n", b"\r\n") for one in events)),
        b"0\r\n\r\n",
    ]
    assert gateway.post(CHAT, body(stream=True)).body == b"".join(events).replace(b"\n", b"\r\n")


def test_bytes_that_are_no_text_are_relayed(gateway, upstream):
    odd = [event("a"), b'data: {"x": "\xff\xfe\x80"}\n\n', b"event: ping\nid: 7\ndata: one\ndata: two\n\n"]
    upstream.script = lambda received: stream(*odd)
    assert gateway.post(CHAT, body(stream=True)).body == b"".join(odd) + b"data: [DONE]\n\n"


def test_usage_in_every_chunk_is_data(gateway, upstream):
    running = [
        event(str(number), usage={"prompt_tokens": 100, "completion_tokens": number}) for number in range(5)
    ]
    upstream.script = lambda received: [
        *stream(*running, event(usage=USAGE), b"data: [DONE]\n\n", done=False)
    ]
    assert gateway.post(CHAT, body(stream=True)).body == b"".join(running) + b"data: [DONE]\n\n"


def test_words_that_look_like_the_protocol_are_data(gateway, upstream):
    tricky = [event("[DONE]"), event('"usage": {"error": 1}'), event("data: [DONE]\n\n"), event('{"error"')]
    upstream.script = lambda received: stream(*tricky)
    assert gateway.post(CHAT, body(stream=True)).body == b"".join(tricky) + b"data: [DONE]\n\n"


def test_nothing_follows_the_end(gateway, upstream):
    upstream.script = lambda received: stream(event("a"), b"data: [DONE]\n\n", event("b"), done=False)
    assert gateway.post(CHAT, body(stream=True)).body == event("a") + b"data: [DONE]\n\n"


def test_a_stream_that_the_client_leaves_costs_what_was_sent_of_it(gateway, upstream):
    """Its usage is never told, and the upstream charges what it made all the same: it is estimated."""
    until = threading.Event()
    head, *rest = stream(*[event(f"word {number}") for number in range(30)])
    upstream.script = lambda received: [head, *rest[:30], Wait(until)]
    place = {"route": "solver", "segment": "ordinary", "variant": "base"}
    before = gateway.metric("headgate_cost_usd_total", **place)
    output = gateway.metric("headgate_tokens_total", route="solver", variant="base", type="output")
    with gateway.open(CHAT, body(stream=True)) as response:
        for _ in range(30):
            response.read_event()
    gateway.wait_for_metric(
        output + 30, "headgate_tokens_total", route="solver", variant="base", type="output"
    )
    until.set()
    assert gateway.metric("headgate_cost_usd_total", **place) >= before + 30 * 2e-6
