"""What goes wrong upstream, and what the client then sees; the scripted upstream counts the calls."""

from __future__ import annotations

import json
import threading
import time

import pytest
from openai import OpenAI, RateLimitError

from gateway.data.attempts import RETRIES_A_SECOND, RETRY_BURST, RETRY_SHARE
from tests.support.scripted import CLOSE, RESET, STREAM_HEAD, Wait, answer, chunk, event, stream

CHAT = "/v1/chat/completions"
NEVER = threading.Event()


def body(**fields: object) -> dict[str, object]:
    return {"model": "solver", "messages": [{"role": "user", "content": "hi"}], **fields}


def models(upstream) -> list[str]:
    return [received.json["model"] for received in upstream.received]


def first_fails(upstream, script):
    """The first call gets `script`, the others a plain answer."""
    upstream.script = lambda received: script if len(upstream.received) == 1 else answer()


def always(upstream, script):
    upstream.script = lambda received: script


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_server_error_is_retried_once_on_the_same_variant(gateway, upstream, status):
    first_fails(upstream, answer(status=status))
    response = gateway.post(CHAT, body())
    assert response.status == 200
    assert models(upstream) == ["base-model", "base-model"]
    assert response.headers["x-headgate-attempts"] == "2"


def test_all_fail_with_server_errors(gateway, upstream):
    always(upstream, answer(status=503, body=b"secret internals"))
    response = gateway.post(CHAT, body())
    assert (response.status, response.error["code"]) == (502, "upstream_error")
    assert b"secret" not in response.body
    assert response.headers["x-should-retry"] == "false"
    assert models(upstream) == ["base-model", "base-model", "fallback-model"]
    assert response.headers["x-headgate-variant"] == "base"
    assert response.headers["x-headgate-served-variant"] == "fallback"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_denied_falls_back_without_retry(gateway, upstream, status):
    first_fails(upstream, answer(status=status))
    assert gateway.post(CHAT, body()).status == 200
    assert models(upstream) == ["base-model", "fallback-model"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_rejected_passes_through(gateway, upstream, status):
    theirs = json.dumps({"error": {"message": "too long", "type": "invalid_request_error"}}).encode()
    always(upstream, answer(status=status, body=theirs))
    response = gateway.post(CHAT, body())
    assert (response.status, response.body) == (status, theirs)
    assert len(upstream.received) == 1


@pytest.mark.parametrize("theirs", [b"<html>cloudflare</html>", b"", b"[1]", b"{}", b"{"])
@pytest.mark.parametrize(("status", "should"), [(400, None), (409, "false"), (418, None)])
def test_a_rejection_that_clients_cannot_read_gets_our_envelope(gateway, upstream, theirs, status, should):
    always(
        upstream,
        answer(status=status, body=theirs, headers={"content-type": "text/html", "x-request-id": "7"}),
    )
    response = gateway.post(CHAT, body())
    assert (response.status, response.headers["content-type"]) == (status, "application/json")
    assert response.error == {
        "message": "The model's upstream refused the request without saying why.",
        "type": "invalid_request_error", "param": None, "code": "upstream_refused",
    }  # fmt: skip
    assert response.headers.get("x-should-retry") == should
    assert response.headers["x-upstream-request-id"] == "7" and len(upstream.received) == 1


def test_nor_can_they_read_one_of_a_request_for_a_stored_response(gateway, upstream):
    always(upstream, answer(status=422, body=b"<html>cloudflare</html>"))
    response = gateway.get("/v1/responses/resp_1", key="narrow")
    assert (response.status, response.error["code"]) == (422, "upstream_refused")


@pytest.mark.parametrize(
    "theirs",
    [b'{"error":"no"}', b' {"error" : {"message": "no"}, "n": 1.50}', b'{"object":"error","message":"no"}'],
)
def test_one_that_says_why_passes_byte_for_byte(gateway, upstream, theirs):
    always(upstream, answer(status=400, body=theirs))
    assert gateway.post(CHAT, body()).body == theirs


def test_rate_limited_far_away_falls_back(gateway, upstream):
    first_fails(upstream, answer(status=429, headers={"retry-after": "30"}))
    assert gateway.post(CHAT, body()).status == 200
    assert models(upstream) == ["base-model", "fallback-model"]


def test_rate_limited_last(gateway, upstream):
    always(upstream, answer(status=429, headers={"retry-after": "30"}))
    response = gateway.post(CHAT, body())
    assert (response.status, response.headers["retry-after"]) == (429, "30")
    assert response.headers["x-should-retry"] == "true"
    always(upstream, answer(status=429, headers={"retry-after": "3600"}))
    assert "x-should-retry" not in gateway.post(CHAT, body()).headers


NO_MONEY = {
    "message": "secret internals",
    "type": "insufficient_quota",
    "param": None,
    "code": "insufficient_quota",
}


def broke(status=429, **fields):
    """The answer of an upstream where our account has no money left."""
    body = json.dumps({"error": NO_MONEY | fields}).encode()
    return answer(status=status, body=body, headers={"retry-after": "1"})


@pytest.mark.parametrize(
    "script", [broke(), broke(code=None), broke(type="requests"), broke(402, code=None, type="billing")]
)
@pytest.mark.parametrize("streamed", [False, True])
def test_an_account_without_money_is_no_limit_of_the_rate(gateway, upstream, script, streamed):
    first_fails(upstream, script)
    before = gateway.metric("headgate_attempts_total", result="denied")
    assert gateway.post(CHAT, body(stream=streamed)).headers["x-headgate-served-variant"] == "fallback"
    gateway.wait_for_metric(before + 1, "headgate_attempts_total", result="denied")
    always(upstream, script)
    upstream.received.clear()
    response = gateway.post(CHAT, body(stream=streamed))
    assert models(upstream) == ["base-model", "fallback-model"]  # no retry
    assert (response.status, response.error["code"]) == (429, "insufficient_quota")
    assert response.error["type"] == "insufficient_quota" and b"secret" not in response.body
    assert response.headers["x-should-retry"] == "false" and "retry-after" not in response.headers


def test_the_official_client_does_not_retry_for_want_of_money(gateway, upstream):
    always(upstream, broke())
    with OpenAI(base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key="hg_app", max_retries=5) as client:
        with pytest.raises(RateLimitError) as raised:
            client.chat.completions.create(**body())
    assert raised.value.code == "insufficient_quota" and len(upstream.received) == 2


@pytest.mark.parametrize("end", [RESET, CLOSE])
@pytest.mark.parametrize("streamed", [False, True])
def test_ambiguous_is_sent_once(gateway, upstream, end, streamed):
    always(upstream, [end])
    response = gateway.post(CHAT, body(stream=streamed))
    assert response.status == 502
    assert len(upstream.received) == 1


def test_head_without_event_is_ambiguous(gateway, upstream):
    always(upstream, [STREAM_HEAD, RESET])
    assert gateway.post(CHAT, body(stream=True)).status == 502
    assert len(upstream.received) == 1


def test_short_body_is_never_a_success(gateway, upstream):
    always(upstream, [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", CLOSE])
    assert gateway.post(CHAT, body()).status == 502


def test_no_first_byte_in_time(gateway, upstream):
    always(upstream, [Wait(NEVER)])
    response = gateway.post(CHAT, body(model="slow"))
    assert (response.status, response.error["code"]) == (504, "upstream_timeout")
    assert upstream.received[0].closed.wait(20)


def test_no_first_token_in_time_falls_back(gateway, upstream):
    upstream.script = lambda received: (
        [STREAM_HEAD, Wait(NEVER)] if len(upstream.received) == 1 else stream(event("b"))
    )
    response = gateway.post(CHAT, body(model="slow", stream=True))
    assert response.status == 200
    assert response.headers["x-headgate-served-variant"] == "fallback"


def test_error_as_first_event_is_an_error(gateway, upstream):
    failing = stream(b'data: {"error": {"message": "overloaded", "code": 529}}\n\n', done=False)
    upstream.script = lambda received: failing if len(upstream.received) <= 2 else stream(event("b"))
    response = gateway.post(CHAT, body(stream=True))
    assert response.status == 200
    assert models(upstream) == ["base-model", "base-model", "fallback-model"]


@pytest.mark.parametrize(
    "ending",
    [[RESET], [CLOSE], [b"0\r\n\r\n"], [chunk(b'data: {"error": {"message": "boom"}}\n\n'), Wait(NEVER)]],
    ids=["reset", "close", "no-done", "error-event"],
)
def test_broken_after_commit(gateway, upstream, ending):
    always(upstream, [STREAM_HEAD, *(chunk(event(str(number))) for number in range(5)), *ending])
    response = gateway.post(CHAT, body(stream=True))
    assert response.status == 200
    sent = b"".join(event(str(number)) for number in range(5))
    assert response.body.startswith(sent)
    last = response.body[len(sent) :]
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "upstream_error"
    assert b"[DONE]" not in response.body and b"boom" not in response.body
    assert len(upstream.received) == 1


def test_a_role_alone_commits(gateway, upstream):
    always(upstream, [STREAM_HEAD, chunk(event("", role="assistant")), RESET])
    response = gateway.post(CHAT, body(stream=True))
    assert response.status == 200 and response.headers["x-headgate-attempts"] == "1"
    assert response.body.startswith(event("", role="assistant")) and b'"upstream_error"' in response.body
    assert len(upstream.received) == 1


def test_partial_event_is_not_passed_on(gateway, upstream):
    always(upstream, [STREAM_HEAD, chunk(event("a")), chunk(b'data: {"choi'), CLOSE])
    response = gateway.post(CHAT, body(stream=True))
    assert b"choi" not in response.body.removeprefix(event("a"))
    assert response.body.count(b"\n\n") == 2


def test_stall_after_commit(gateway, upstream):
    always(upstream, [STREAM_HEAD, chunk(event("a")), Wait(NEVER)])
    response = gateway.post(CHAT, body(model="slow", stream=True))
    assert response.body.startswith(event("a")) and b'"error"' in response.body
    assert upstream.received[0].closed.wait(20)


def test_refused_connection_falls_back(gateway, upstream):
    response = gateway.post(CHAT, body(), headers={"x-headgate-variant": "unreachable"}, key="pinner")
    assert response.status == 200
    assert response.headers["x-headgate-served-variant"] != "unreachable"


def test_stale_pooled_connection_costs_nothing(gateway, upstream):
    for _ in range(5):
        always(upstream, [*answer(), CLOSE])
        assert gateway.post(CHAT, body()).status == 200
        assert upstream.received[-1].over.wait(20)
    assert len(upstream.received) == 5


def test_second_answer_on_a_connection_is_not_believed(gateway, upstream):
    twice = answer("first")[0] + answer("second")[0]
    always(upstream, [twice])
    for _ in range(3):
        assert gateway.post(CHAT, body()).json["choices"][0]["message"]["content"] == "first"


def test_huge_event_is_cut(gateway, upstream):
    always(upstream, [STREAM_HEAD, chunk(event("a")), chunk(b"data: " + b"x" * (2 << 20)), Wait(NEVER)])
    response = gateway.post(CHAT, body(stream=True))
    assert b'"error"' in response.body
    assert upstream.received[0].closed.wait(20)


# ── clients that leave ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("streamed", "steps"),
    [(False, [Wait(NEVER)]), (True, [Wait(NEVER)]), (True, [STREAM_HEAD, chunk(event("a")), Wait(NEVER)])],
    ids=["non-stream", "before-first-byte", "mid-stream"],
)
def test_client_that_leaves_closes_the_upstream(gateway, upstream, streamed, steps):
    always(upstream, steps)
    cancelled = gateway.metric("headgate_requests_total", status="cancelled")
    with gateway.open(CHAT, body(stream=streamed), wait=len(steps) == 3) as response:
        if len(steps) == 3:
            assert response.read_event() == event("a")
        else:
            gateway.wait_until(lambda: bool(upstream.received))
    assert upstream.received[0].closed.wait(20)
    gateway.wait_for_metric(cancelled + 1, "headgate_requests_total", status="cancelled")


# ── what upstreams say of retrying ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "told", "should"),
    [
        ("Wed, 21 Oct 2099 07:28:00 GMT", "86400", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "1", "true"),
        ("nan", "1", "true"),
        ("inf", "1", "true"),
        ("1e400", "1", "true"),
        ("soon", "1", "true"),
        ("2.2", "3", "true"),
    ],
)
def test_retry_after_in_all_its_forms(gateway, upstream, said, told, should):
    always(upstream, answer(status=429, headers={"retry-after": said, "x-ratelimit-remaining-tokens": "0"}))
    response = gateway.post(CHAT, body())
    assert (response.status, response.headers["retry-after"]) == (429, told)
    assert response.headers.get("x-should-retry") == should
    assert response.headers["x-ratelimit-remaining-tokens"] == "0"


def test_the_upstreams_request_id_comes_with_errors(gateway, upstream):
    always(upstream, answer(status=500, headers={"x-request-id": "up-7"}))
    assert gateway.post(CHAT, body()).headers["x-upstream-request-id"] == "up-7"


def test_a_conflict_is_not_to_be_retried(gateway, upstream):
    always(upstream, answer(status=409, body=b"{}"))
    response = gateway.post(CHAT, body())
    assert (response.status, response.headers["x-should-retry"]) == (409, "false")


def test_no_retry_behind_the_deadline(gateway, upstream):
    """A retry would come just after the deadline, whenever the first answer is there."""
    always(upstream, answer(status=429, headers={"retry-after": "1"}))
    assert gateway.post(CHAT, body(model="brief")).status in (429, 504)
    assert models(upstream) in (["brief-model", "brief-fallback"], ["brief-model"])


@pytest.mark.parametrize(
    "script",
    [
        [STREAM_HEAD + b"0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", CLOSE],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
    ],
    ids=["chunked", "unframed", "empty"],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_a_head_and_nothing_else_is_ambiguous(gateway, upstream, script, streamed):
    always(upstream, script)
    assert gateway.post(CHAT, body(stream=streamed)).status == 502
    assert len(upstream.received) == 1


def test_comments_do_not_stop_the_clock(gateway, upstream):
    def dribble(received):
        return [STREAM_HEAD, *[chunk(b": processing\n\n"), Wait(threading.Event())]]

    upstream.script = lambda received: (
        dribble(received) if len(upstream.received) == 1 else stream(event("b"))
    )
    response = gateway.post(CHAT, body(model="slow", stream=True))
    assert response.headers["x-headgate-served-variant"] == "fallback"


def test_endless_comments_are_cut(gateway, upstream):
    comments = [chunk(b": " + b"c" * 60_000 + b"\n\n") for _ in range(40)]
    always(upstream, [STREAM_HEAD, *comments, Wait(NEVER)])
    assert gateway.post(CHAT, body(stream=True)).status == 502
    assert all(received.closed.wait(20) for received in upstream.received)


def test_bytes_after_the_end_do_not_keep_the_connection(gateway, upstream):
    always(
        upstream,
        [
            STREAM_HEAD,
            chunk(event("a")),
            chunk(b"data: [DONE]\n\n"),
            *[chunk(b"x" * 60_000)] * 20,
            Wait(NEVER),
        ],
    )
    assert gateway.post(CHAT, body(stream=True)).body.endswith(b"[DONE]\n\n")
    assert upstream.received[0].closed.wait(20)


def test_a_last_event_without_its_blank_line(gateway, upstream):
    always(upstream, [STREAM_HEAD, chunk(event("a")), chunk(b"data: [DONE]\n"), b"0\r\n\r\n"])
    assert gateway.post(CHAT, body(stream=True)).body == event("a") + b"data: [DONE]\n\n"


def test_a_compressed_error_is_not_passed_on(gateway, upstream):
    always(upstream, answer(status=400, headers={"content-encoding": "gzip"}, body=b"\x1f\x8b"))
    assert gateway.post(CHAT, body()).status == 502


def test_no_storm_when_everything_fails(gateway, upstream):
    always(upstream, answer(status=503))
    began = time.monotonic()
    for _ in range(100):
        gateway.post(CHAT, body())
    calls = models(upstream).count("base-model")
    paid = 100 * RETRY_SHARE + RETRIES_A_SECOND * (time.monotonic() - began)
    assert calls <= 100 + RETRY_BURST + paid + 1
