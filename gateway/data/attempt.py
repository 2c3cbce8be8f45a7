"""One attempt: an upstream call, and what its answer turns out to be."""

from __future__ import annotations

from time import time

import msgspec

from gateway.data.answer import read_whole
from gateway.data.retry_after import retry_after
from gateway.providers.base import Answer
from gateway.sse import MAX_EVENT, EventTooLarge, Splitter, data_of, events, json_of
from routing.cost import Usage
from routing.fallback import Result, of_status
from routing.snapshot import Variant

MAX_ERROR_BODY = 1024 * 1024


class Attempt(msgspec.Struct):
    """`started` on the monotonic clock. `body` is all of a plain answer, or a stream up to its commit.

    A committed stream has a `splitter`, which holds what came behind the last whole event.
    """

    variant: Variant
    started: float
    result: Result = Result.CANCELLED
    answer: Answer | None = None
    body: bytes = b""
    splitter: Splitter | None = None
    usage: Usage | None = None
    events: int = 0
    """Events of a stream that were relayed."""

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The answer's headers."""
        return self.answer.headers if self.answer is not None else {}

    @property
    def retry_after(self) -> float | None:
        """Seconds that the upstream asked to wait, if it did."""
        return retry_after(self.headers, time())

    async def receive(self, answer: Answer) -> None:
        """Reads a stream or a refusal as far as it takes to judge it, and sets `result`."""
        if answer.status != 200:
            await self._refused(answer)
        elif _compressed(answer):
            self.result = Result.SERVER_ERROR
        else:
            await self._commit(answer)

    async def _refused(self, answer: Answer) -> None:
        """Reads the body of an error, which may be passed through, as far as the cap."""
        parts, size = [], 0
        while part := await answer.read():
            size += len(part)
            if size > MAX_ERROR_BODY:
                self.result = Result.SERVER_ERROR
                return
            parts.append(part)
        self.body = b"".join(parts)
        readable = answer.status >= 400 and not _compressed(answer)
        self.result = of_status(answer.status) if readable else Result.SERVER_ERROR

    def judge(self, answer: Answer, body: bytes) -> None:
        """Sets `result`: a 200 is an answer when it is a JSON object and not an error in disguise."""
        if _compressed(answer):
            self.result = Result.SERVER_ERROR
            return
        if not body:
            self.result = Result.AMBIGUOUS
            return
        try:
            whole = read_whole(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.result = Result.SERVER_ERROR
            return
        if whole.error:
            self.result = Result.SERVER_ERROR
            return
        self.body = body
        self.usage = whole.tokens
        self.result = Result.OK

    async def _commit(self, answer: Answer) -> None:
        """Reads a stream up to its first data: an error there is still an error, the rest commits."""
        splitter = self.splitter = Splitter()
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
                failed = parsed is None or parsed.get("error")
                self.result = Result.SERVER_ERROR if failed else Result.OK
                self.body = held
                answer.commit()
                return
        self.result = Result.SERVER_ERROR if held else Result.AMBIGUOUS  # ended before it began


def _compressed(answer: Answer) -> bool:
    """Whether an answer is compressed, although we asked for none of that."""
    headers = answer.headers
    return b"content-encoding" in headers and headers[b"content-encoding"] != b"identity"
