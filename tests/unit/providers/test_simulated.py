"""The simulated model keeps the provider contract, in process and over HTTP alike, faults included.

Each case runs twice: on the in-process provider, and on the OpenAI provider against the simulated server.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.providers.base import Answer, Call, Provider, UpstreamFailure
from gateway.providers.registry import make
from gateway.providers.simulation import Behaviour
from gateway.providers.simulation_server import Server
from gateway.run import Run
from routing.fallback import Result
from routing.snapshot import Timeouts, Upstream

PATIENCE = 20.0
Case = Callable[[Provider], Coroutine[Any, Any, None]]


@asynccontextmanager
async def in_process(**options: Any) -> AsyncIterator[Provider]:
    provider = make(Upstream("lab", "simulated", options=options))
    yield provider
    provider.close()


@asynccontextmanager
async def over_http(**options: Any) -> AsyncIterator[Provider]:
    server = Server(Behaviour.of_options(options))
    port = await server.serve("127.0.0.1", 0)
    provider = make(Upstream("lab", "openai", base_url=f"http://127.0.0.1:{port}/v1"))
    yield provider
    provider.close()
    await server.close()


@pytest.fixture(params=[in_process, over_http], ids=["in process", "over HTTP"])
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    def run(case: Case, **options: Any) -> None:
        async def main() -> None:
            async with asyncio.timeout(PATIENCE), request.param(**options) as provider:
                await in_a_run(case(provider))

        asyncio.run(main())

    return run


async def in_a_run(coroutine: Coroutine[Any, Any, None]) -> None:
    """As the data plane awaits providers: their waits may be gates, which a task does not know."""
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    Run(coroutine, ended.set_result).resume()
    if (error := await ended) is not None:
        raise error


def call(
    *, stream: bool = False, path: str = "/chat/completions", timeouts: Timeouts | None = None, **faults: str
) -> Call:
    timeouts = timeouts or Timeouts()
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    lines = [f"x-simulated-{name.replace('_', '-')}: {value}\r\n" for name, value in faults.items()]
    headers = "".join([*lines, "content-type: application/json\r\n"]).encode()
    return Call(path, headers, json.dumps(body).encode(), stream, timeouts, time.monotonic() + timeouts.total)


async def arrived(provider: Provider, call: Call) -> Answer:
    answer = await provider.send(call)
    await answer.arrive()
    return answer


async def read_all(answer: Answer) -> bytes:
    body = b""
    while block := await answer.read():
        body += block
    return body


def test_a_whole_answer(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        answer = await arrived(provider, call(answer="hi", usage="input=9,cached=4,output=5,reasoning=2"))
        assert answer.status == 200
        assert answer.headers[b"content-type"] == b"application/json"
        body = json.loads(await answer.read())
        assert await answer.read() == b""
        assert body["choices"][0]["message"]["content"] == "hi"
        assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
        assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2

    run(case)


def test_a_stream(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        answer = await arrived(provider, call(stream=True, answer="a b c", tokens_per_second="200"))
        events = (await read_all(answer)).decode().split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]) == "a b c"
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
        assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 3

    run(case)


def test_statuses_and_headers(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        answer = await arrived(
            provider, call(status="429", retry_after="2", headers='{"x-ratelimit-limit-requests": "5"}')
        )
        assert answer.status == 429
        assert answer.headers[b"retry-after"] == b"2"
        assert answer.headers[b"x-ratelimit-limit-requests"] == b"5"
        assert json.loads(await read_all(answer))["error"]["type"] == "rate_limit_error"

    run(case)


def test_an_error_rate(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        assert (await arrived(provider, call())).status == 500

    run(case, error_rate=1.0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["reset_after", "end_after"])
def test_a_connection_lost_before_the_head_is_ambiguous(
    run: Callable[..., None], fault: str, stream: bool
) -> None:
    async def case(provider: Provider) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            await arrived(provider, call(stream=stream, **{fault: "head"}))
        assert caught.value.result is Result.AMBIGUOUS

    run(case)


@pytest.mark.parametrize("fault", ["reset_after", "end_after"])
def test_a_stream_lost_after_the_head_is_ambiguous_and_after_bytes_broken(
    run: Callable[..., None], fault: str
) -> None:
    async def case(provider: Provider) -> None:
        for after, result in (("0", Result.AMBIGUOUS), ("2", Result.BROKEN)):
            answer = await arrived(provider, call(stream=True, **{fault: after}))
            assert answer.status == 200
            with pytest.raises(UpstreamFailure) as caught:
                await read_all(answer)
            assert caught.value.result is result

    run(case)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_cut_short_is_broken(run: Callable[..., None], framing: str) -> None:
    async def case(provider: Provider) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            await arrived(provider, call(end_after="1", framing=framing))
        assert caught.value.result is Result.BROKEN

    run(case)


def test_a_body_told_by_close_may_end_anywhere(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        answer = await arrived(provider, call(stream=True, end_after="2", framing="close"))
        text = await read_all(answer)
        assert text.count(b"data: ") == 2 and b"[DONE]" not in text

    run(case)


def test_silence_ends_in_a_timeout(run: Callable[..., None]) -> None:
    brief = Timeouts(first_token=0.2, idle=0.2, total=0.4)
    begun = Timeouts(first_token=1.0, idle=1.0, total=20.0)  # what is there must still arrive in time

    async def case(provider: Provider) -> None:
        for stream in (False, True):
            with pytest.raises(UpstreamFailure) as caught:
                await arrived(provider, call(stream=stream, stall_after="head", timeouts=brief))
            assert caught.value.result is Result.TIMEOUT
        for after in ("0", "2"):
            answer = await arrived(provider, call(stream=True, stall_after=after, timeouts=begun))
            with pytest.raises(UpstreamFailure) as caught:
                await read_all(answer)
            assert caught.value.result is Result.TIMEOUT
        with pytest.raises(UpstreamFailure) as caught:
            await arrived(provider, call(latency="30s", timeouts=brief))
        assert caught.value.result is Result.TIMEOUT

    run(case)


def test_a_slow_first_token_is_not_a_slow_head(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        start = time.monotonic()
        answer = await arrived(provider, call(stream=True, first_token="300ms"))
        assert (await answer.read()).startswith(b"data: ")
        assert time.monotonic() - start >= 0.3
        answer = await arrived(provider, call(stream=True, first_token="1000s"))  # nobody waits so long here
        answer.close()

    run(case)


def test_an_answer_can_be_given_up(run: Callable[..., None]) -> None:
    async def case(provider: Provider) -> None:
        answer = await arrived(provider, call(stream=True, stall_after="2"))
        assert await answer.read()
        answer.close()

    run(case)


def test_a_seed_repeats_the_sequence() -> None:
    async def sequence() -> list[tuple[int, str]]:
        async with in_process(seed=11, error_rate=0.3) as provider:
            answers = [await arrived(provider, call()) for _ in range(10)]
            return [(a.status, json.loads(await a.read()).get("id", "")) for a in answers]

    first, second = asyncio.run(sequence()), asyncio.run(sequence())
    assert first == second and len(set(first)) > 5


def test_a_seed_in_the_header_repeats_one_answer() -> None:
    async def twice() -> list[str]:
        async with in_process() as provider:
            return [
                json.loads(await (await arrived(provider, call(seed="5"))).read())["id"] for _ in range(2)
            ]

    first, second = asyncio.run(twice())
    assert first == second
