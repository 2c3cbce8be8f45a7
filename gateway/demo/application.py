"""The simulated application: asks the gateway with the official client and checks the returned programs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from httpx import HTTPError
from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletionMessageParam

from gateway.demo.board import Answered
from gateway.demo.judge import Judge
from gateway.demo.scenario import HARD, ROUTE
from gateway.providers.simulation_book import Book, Task

RATE = 50.0
"""Requests a second at speed 1, on average."""
_HARD_SHARE = 0.8
_STREAMED_SHARE = 0.1
_USERS = 100_000
_MOST_IN_FLIGHT = 64
_CLIENTS = 8
_SYSTEM = "Solve the task in Python 3. Answer with one fenced program that reads stdin and prints to stdout."


class _BrokenOff(Exception):
    """A stream ended before its end; `headers` are its answer's."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.headers = headers


class Application:
    """Sends tasks from `book` at random times and tells `on_answer` about each."""

    def __init__(
        self, base_url: str, key: str, book: Book, rng: Random, on_answer: Callable[[Answered], None]
    ) -> None:
        # Each has a pool of connections of its own, as the processes of a real application have: the time
        # that a pool takes for a request grows with the square of its connections.
        self._clients = [_client(base_url, key) for _ in range(_CLIENTS)]
        self._hard = [task for task in book.tasks if task.rating >= HARD]
        self._ordinary = [task for task in book.tasks if task.rating < HARD]
        self._rng = rng
        self._on_answer = on_answer
        self._room = asyncio.Semaphore(_MOST_IN_FLIGHT)
        self._judge = Judge()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, speed: float, requests: int | None) -> None:
        """Sends `requests` tasks, or goes on until cancelled; returns when all are answered."""
        sent, due = 0, time.monotonic()
        while requests is None or sent < requests:
            due += self._rng.expovariate(RATE * speed)
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            await self._room.acquire()
            hard = self._rng.random() < _HARD_SHARE
            task = self._rng.choice(self._hard if hard else self._ordinary)
            asking = asyncio.create_task(self._ask(task, f"user-{self._rng.randrange(_USERS)}"))
            self._under_way.add(asking)
            asking.add_done_callback(self._finished)
            sent += 1
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        """Gives up what is under way and closes the client."""
        for asking in self._under_way:
            asking.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._judge.close()
        for client in self._clients:
            await client.close()

    def _finished(self, asking: asyncio.Task[None]) -> None:
        self._under_way.discard(asking)
        self._room.release()

    async def _ask(self, task: Task, user: str) -> None:
        start = time.monotonic()
        try:
            headers, text = await self._answer(task, user)
        except APIStatusError as error:
            place = _place(error.response.headers)
            self._on_answer(_answered(task, place, start, error=f"status {error.status_code}"))
            return
        except APIConnectionError:
            self._on_answer(_answered(task, _place({}), start, error="no connection"))
            return
        except _BrokenOff as broken:
            self._on_answer(_answered(task, _place(broken.headers), start, error="broken off"))
            return
        answered = _answered(task, _place(headers), start, cost=headers.get("x-headgate-cost-usd"))
        validation = await self._judge.validate(task, text)
        problem = await self._report(headers["x-request-id"], not validation.reason, validation.reason)
        self._on_answer(replace(answered, reason=validation.reason, error=problem))

    async def _answer(self, task: Task, user: str) -> tuple[Mapping[str, str], str]:
        """The answer's headers and text; some are asked for as streams, whose cost no header tells."""
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": f"# {task.title}\n\n{task.statement}"},
        ]
        metadata = {"rating": f"{task.rating:.0f}"}
        completions = self._rng.choice(self._clients).chat.completions.with_raw_response
        if self._rng.random() >= _STREAMED_SHARE:
            whole = await completions.create(model=ROUTE, messages=messages, metadata=metadata, user=user)
            return whole.headers, whole.parse().choices[0].message.content or ""
        stream = await completions.create(
            model=ROUTE, messages=messages, metadata=metadata, user=user, stream=True
        )
        try:
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream.parse() if chunk.choices]
        except (APIError, HTTPError):
            raise _BrokenOff(stream.headers) from None
        return stream.headers, "".join(pieces)

    async def _report(self, request_id: str, passed: bool, reason: str) -> str:
        """Tells the gateway what came of a request; returns what went wrong, if anything did."""
        outcome = {"request_id": request_id, "validation_passed": passed, "reason": reason or None}
        try:
            await self._rng.choice(self._clients).post("/outcomes", body=outcome, cast_to=object)
        except APIStatusError as error:
            return f"outcome: status {error.status_code}"
        except APIConnectionError:
            return "outcome: no connection"
        return ""


def _client(base_url: str, key: str) -> AsyncOpenAI:
    # To this machine: without a proxy, and without the certificates whose loading takes longer than the rest.
    http = DefaultAsyncHttpxClient(trust_env=False, verify=False)
    # Retries are the gateway's: one here would hide what it does.
    return AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60.0, http_client=http)


def _place(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Segment, assigned and served variant, as the gateway's response headers name them."""
    return (
        headers.get("x-headgate-segment", ""),
        headers.get("x-headgate-variant", ""),
        headers.get("x-headgate-served-variant", ""),
    )


def _answered(
    task: Task, place: tuple[str, str, str], start: float, *, cost: str | None = None, error: str = ""
) -> Answered:
    segment, variant, served = place
    return Answered(
        task=task.title,
        rating=task.rating,
        segment=segment,
        variant=variant,
        served=served,
        seconds=time.monotonic() - start,
        cost=float(cost) if cost is not None else None,
        error=error,
    )
