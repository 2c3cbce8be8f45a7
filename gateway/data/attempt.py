"""One attempt: an upstream call, and what its answer turns out to be."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any, Protocol

import msgspec

from gateway.data.answer import Whole, first_event, read_whole
from gateway.data.retry_after import retry_after
from gateway.data.upstream_error import out_of_quota, read_error
from gateway.providers.base import Answer
from gateway.sse import MAX_EVENT, EventTooLarge, Splitter, data_of, events, json_of
from routing.cost import Usage
from routing.fallback import Result, of_status
from routing.snapshot import Variant


class Seen(Protocol):
    """What has been seen of a stream."""

    def add(self, block: bytes) -> None:
        """Another part of it has been relayed."""
        ...

    def tail(self) -> bytes:
        """Its end, so far."""
        ...


class Attempt:
    """`started` on the monotonic clock. `body` is all of a plain answer, or a stream up to its commit.

    A committed stream has a `splitter`, which holds what came behind the last whole event. `stored` is the id
    of a response that can be followed.
    """

    def __init__(self, variant: Variant, started: float) -> None:
        self.variant = variant
        self.started = started
        self.result = Result.CANCELLED
        self.detail = ""
        """What the provider says of a failure, in our own words."""
        self.answer: Answer | None = None
        self.body = b""
        self.splitter: Splitter | None = None
        self.usage: Usage | None = None
        self.events = 0
        """Events of a stream that were relayed."""
        self.seen: Seen | None = None
        """What has been seen of a stream's end, where somebody wants to know."""
        self.stored = ""

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The answer's headers."""
        return self.answer.headers if self.answer is not None else {}

    @property
    def retry_after(self) -> float | None:
        """Seconds that the upstream asked to wait, if it did."""
        return retry_after(self.headers, time())

    @property
    def failure(self) -> str:
        """How it failed: its result, and the upstream's status where that was an error."""
        status = self.answer.status if self.answer is not None else 0
        return f"{self.result.value} {status}" if status >= 400 else self.result.value

    async def receive(
        self,
        answer: Answer,
        read: Callable[[dict[str, Any]], Whole] = first_event,
        splitter: type[Splitter] = Splitter,
    ) -> None:
        """Reads a stream or a refusal as far as it takes to judge it, and sets `result`.

        `read` makes of a stream's first event what it says; a `splitter` cuts the stream into events.
        """
        if answer.status != 200:
            await self._refused(answer)
        elif _compressed(answer):
            self.result = Result.SERVER_ERROR
        else:
            self.splitter = splitter()
            await self._commit(answer, self.splitter, read)

    async def _refused(self, answer: Answer) -> None:
        """Reads the body of an error, which may be passed through, as far as the cap."""
        body = await read_error(answer)
        if body is None or answer.status < 400 or _compressed(answer):
            self.result = Result.SERVER_ERROR
            return
        self.body = body
        self.result = of_status(answer.status, quota=answer.status == 429 and out_of_quota(body))

    def judge(self, answer: Answer, body: bytes, read: Callable[[bytes], Whole] = read_whole) -> None:
        """Sets `result`: a 200 is an answer when it is a JSON object and not an error in disguise."""
        if b"content-encoding" in answer.headers and _compressed(answer):
            self.result = Result.SERVER_ERROR
            return
        if not body:
            self.result = Result.AMBIGUOUS
            return
        try:
            whole = read(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.result = Result.SERVER_ERROR
            return
        if whole.error:
            self.body = body
            self.result = Result.REJECTED if whole.refused else Result.SERVER_ERROR
            return
        self.body = body
        self.usage = whole.tokens
        if whole.id:
            self.stored = whole.id
        self.result = Result.OK

    async def _commit(
        self, answer: Answer, splitter: Splitter, read: Callable[[dict[str, Any]], Whole]
    ) -> None:
        """Reads a stream up to its first data: an error there is still an error, the rest commits."""
        held = b""
        while block := await answer.read():
            try:
                complete = splitter.feed(block)
            except EventTooLarge:
                self.result = Result.SERVER_ERROR
                return
            held += complete
            if len(held) > MAX_EVENT:
                break  # comments without end
            for event in events(complete):
                data = data_of(event)
                if data is None:
                    continue
                parsed = json_of(data)
                first = read(parsed) if parsed is not None else None
                failed = first is None or (first.error and not first.refused)
                self.result = Result.SERVER_ERROR if failed else Result.OK
                self.body = held
                self.stored = "" if first is None else first.id
                answer.commit()
                return
        self.result = Result.SERVER_ERROR if held else Result.AMBIGUOUS  # ended before it began


def _compressed(answer: Answer) -> bool:
    """Whether an answer is compressed, although we asked for none of that."""
    headers = answer.headers
    return b"content-encoding" in headers and headers[b"content-encoding"] != b"identity"
