"""litellm's requests on our own connections: one a call, to the upstream's own address, in its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from gateway.providers.base import Call, UpstreamFailure
from gateway.providers.rehearsal import Rehearsal
from gateway.providers.translated import chat_completion
from gateway.providers.wire import PASSAGE, Passage, Transport, Wires
from routing.fallback import Result
from routing.snapshot import Timeouts, Upstream
from tests.support.scripted import (
    RESET,
    STREAM_END,
    STREAM_HEAD,
    ScriptedUpstream,
    answer,
    chunk,
    event,
    scripted_upstream,
)

HEADERS = b"content-type: application/json\r\nuser-agent: client/1\r\nopenai-beta: x\r\ntraceparent: 00-1\r\n"


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    shared_upstream.reset()
    return shared_upstream


def within(
    url: str, use: Callable[[Passage, httpx.AsyncClient], Awaitable[Any]], *, stream: bool = False
) -> Any:
    """What comes of a call of an upstream at `url`, in a client as litellm's are."""

    async def go() -> Any:
        wires = Wires(Upstream("lite", "litellm", url, headers=(("x-team", "a"),)))
        call = Call("", HEADERS, b"", stream, Timeouts(connect=1.0), time.monotonic() + 5.0)
        passage = Passage(wires, call)
        PASSAGE.set(passage)
        async with httpx.AsyncClient(transport=Transport(), follow_redirects=True) as client:
            try:
                return await use(passage, client)
            finally:
                passage.close()
                wires.close()

    return asyncio.run(go())


def failed(
    url: str, use: Callable[[Passage, httpx.AsyncClient], Awaitable[Any]], *, stream: bool = False
) -> Result:
    with pytest.raises(UpstreamFailure) as raised:
        within(url, use, stream=stream)
    return raised.value.result


def test_a_request_is_sent_with_our_headers(upstream: ScriptedUpstream) -> None:
    async def use(passage: Passage, client: httpx.AsyncClient) -> bytes:
        response = await client.post(
            f"{upstream.url}/x?a=1", json={"b": 2}, headers={"authorization": "Bearer k"}
        )
        assert (passage.status, passage.sent, passage.begun) == (200, True, True)
        return response.content

    assert b"hello" in within(upstream.url, use)
    (received,) = upstream.received
    assert (received.path, received.json) == ("/v1/x?a=1", {"b": 2})
    headers = received.headers
    assert (headers["authorization"], headers["user-agent"]) == ("Bearer k", "client/1")
    assert (headers["x-team"], headers["traceparent"]) == ("a", "00-1")
    assert headers["accept-encoding"] == "identity" and "openai-beta" not in headers
    assert headers["content-type"] == "application/json"


def test_a_stream_comes_as_it_comes(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda received: [STREAM_HEAD, chunk(event("a")), chunk(event("b")), STREAM_END]

    async def use(passage: Passage, client: httpx.AsyncClient) -> bytes:
        async with client.stream("POST", upstream.url) as response:
            passage.commit()
            return b"".join([block async for block in response.aiter_bytes()])

    assert within(upstream.url, use, stream=True) == event("a") + event("b")


def test_one_call_sends_one_request(upstream: ScriptedUpstream) -> None:
    async def twice(passage: Passage, client: httpx.AsyncClient) -> None:
        await client.post(upstream.url)
        await client.post(upstream.url)

    async def once(passage: Passage, client: httpx.AsyncClient) -> None:
        await client.post(upstream.url)

    assert failed(upstream.url, twice) is Result.SERVER_ERROR
    upstream.script = lambda received: answer(status=302, headers={"location": upstream.url})
    assert failed(upstream.url, once) is Result.SERVER_ERROR
    assert len(upstream.received) == 2


def test_nothing_goes_elsewhere(upstream: ScriptedUpstream) -> None:
    async def elsewhere(passage: Passage, client: httpx.AsyncClient) -> None:
        await client.post(upstream.url)

    async def asks(passage: Passage, client: httpx.AsyncClient) -> None:
        await client.get(upstream.url)

    assert failed("https://127.0.0.1:9", elsewhere) is Result.REFUSED
    assert failed("", elsewhere) is Result.REFUSED  # http only where it was written
    assert failed(upstream.url, asks) is Result.REFUSED
    assert upstream.received == []


def test_what_is_no_call_of_ours_is_not_sent() -> None:
    async def go() -> None:
        async with httpx.AsyncClient(transport=Transport()) as client:
            await client.post("https://127.0.0.1:9")

    with pytest.raises(UpstreamFailure, match="not a call of ours"):
        asyncio.run(go())


def test_what_breaks_is_kept(upstream: ScriptedUpstream) -> None:
    async def use(passage: Passage, client: httpx.AsyncClient) -> None:
        try:
            await client.post(upstream.url)
        finally:
            assert passage.failure is not None

    upstream.script = lambda received: [RESET]
    assert failed(upstream.url, use) is Result.AMBIGUOUS
    upstream.script = lambda received: [STREAM_HEAD, chunk(b"a"), RESET]
    assert failed(upstream.url, use) is Result.BROKEN
    upstream.script = lambda received: answer(headers={"content-encoding": "gzip"})
    assert failed(upstream.url, use) is Result.SERVER_ERROR


def test_a_refusal_is_kept_whole(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda received: answer(status=429, headers={"retry-after": "3"}, body=b"slow down")

    async def use(passage: Passage, client: httpx.AsyncClient) -> tuple[int, bytes, bytes]:
        response = await client.post(upstream.url)
        assert response.status_code == 429
        return passage.status, passage.refusal, passage.headers[b"retry-after"]

    assert within(upstream.url, use) == (429, b"slow down", b"3")


def test_a_rehearsal_sends_nothing() -> None:
    async def go() -> list[bytes]:
        wires = Wires(Upstream("rehearsal", "litellm"))
        answers = []
        for stream in (False, True):
            call = Call("", b"", b"", stream, Timeouts(), time.monotonic())
            request = httpx.Request("POST", "https://127.0.0.1:9")
            answers.append((await Rehearsal(wires, call).send(request)).content)
        return answers

    plain, stream = asyncio.run(go())
    assert plain.startswith(b"{") and stream.endswith(b"[DONE]\n\n")


def test_nothing_of_litellms_own_is_told() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [{}], "provider_specific_fields": {"a": 1}}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "provider_specific_fields": {}}
    told = chat_completion({"id": "1", "choices": [choice], "_hidden": 1, "vertex_ai_safety_ratings": []})
    assert told == {
        "id": "1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": None, "tool_calls": [{}]},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
