"""Gemini at Google's OpenAI-compatible endpoint: byte for byte, but for what is no answer and streamed calls.

The endpoint speaks OpenAI's format with a few words of its own: `finish_reason` may be
`function_call_filter: MALFORMED_FUNCTION_CALL` or `content_filter: SAFETY`, an answer may hold nothing at
all, and an error may come as a list. Streams are held back until they carry something, so that a failure
before that is one which another attempt may follow.
"""

from __future__ import annotations

import re

from gateway.providers.base import Answer, Call, UpstreamFailure
from gateway.providers.gemini_calls import Calls
from gateway.providers.google import judge_finish, read_refusal
from gateway.providers.openai import OpenAIProvider
from gateway.providers.reading import Reading
from gateway.sse import EventTooLarge
from routing.fallback import Result
from routing.snapshot import Upstream

MAX_HELD = 1024 * 1024
"""Bytes of a refusal that are read, and of a stream that is held back because it carries nothing yet."""
TAIL = 64
"""Bytes of the block before in which a finish reason may have begun."""

_FINISH = re.compile(rb'"finish_reason"\s*:\s*"((?:content|function_call)_filter)?(?:: ?)?([A-Z_]*)"')
"""A finish reason that is none of OpenAI's, or OpenAI's own of a filter. Within a text its quotes would be
escaped."""
_SUBSTANCE = re.compile(
    rb'"content"\s*:\s*(?:"[^"]|\[)|"tool_calls"\s*:\s*\[\s*\{|"(?:refusal|reasoning_content)"\s*:\s*"[^"]'
    rb'|"images"\s*:\s*\[\s*\{|"audio"\s*:\s*\{|"finish_reason"\s*:\s*"length"'
)


class GeminiProvider:
    """The provider of one `gemini` upstream at its OpenAI-compatible endpoint."""

    def __init__(self, upstream: Upstream) -> None:
        self._http = OpenAIProvider(upstream)
        self._secret = upstream.api_key

    async def send(self, call: Call) -> CompatibleAnswer:
        """Sends the call as it is; see `Provider.send`."""
        return CompatibleAnswer(await self._http.send(call), self._secret, call)

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()


class CompatibleAnswer(Reading):
    """An answer of the compatible endpoint, looked at before it is believed; an `Answer`."""

    def __init__(self, answer: Answer, secret: str, call: Call) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._answer = answer
        self._secret = secret
        self._stream = call.stream
        self._chat = call.path == "/chat/completions"
        self._whole: bytes | None = None
        self._carries = not self._chat
        self._tail = b""
        calls = self._chat and call.stream and call.body.find(b'"tools"') >= 0
        self._calls = Calls() if calls else None

    async def arrive(self) -> None:
        """Waits for the head, and unless the call is a stream for a body that is an answer."""
        answer = self._answer
        await answer.arrive()
        self.status, self.headers = answer.status, answer.headers
        if self.status >= 400:
            await self._refused()
        elif self.status == 200 and not self._stream:
            self._whole = await answer.read()
            if self._chat:
                judge_whole(self._whole)

    async def read(self) -> bytes:
        """The next bytes; of a stream the first ones together with what makes it an answer."""
        if self._whole is not None:
            whole, self._whole = self._whole, b""
            return whole
        held = b""
        while True:
            calls = self._calls
            block = await (self._answer.read() if calls is None else self._numbered(calls))
            if not self._chat or self.status != 200:
                return block
            held += block
            self._look(block)
            if self._carries or len(held) > MAX_HELD:
                return held
            if not block:
                raise UpstreamFailure(Result.SERVER_ERROR if held else Result.AMBIGUOUS, "empty stream")

    async def _numbered(self, calls: Calls) -> bytes:
        """The next bytes of a stream that may call tools: whole events, their calls numbered."""
        if self.status != 200:
            return await self._answer.read()
        try:
            while block := await self._answer.read():
                if complete := calls.feed(block):
                    return complete
        except EventTooLarge:
            raise UpstreamFailure(Result.SERVER_ERROR, "event too large") from None
        return calls.finish()

    def _look(self, block: bytes) -> None:
        """Raises UpstreamFailure for a finish that is none; notes when there is something in the stream."""
        seen = self._tail + block
        self._tail = seen[-TAIL:]
        if b"finish_reason" in seen:
            judge_reasons(seen)
        if not self._carries:
            self._carries = _SUBSTANCE.search(seen) is not None

    def commit(self) -> None:
        """The stream has begun in earnest."""
        self._answer.commit()

    def leave(self) -> None:
        """Nothing more is wanted."""
        self._answer.leave()

    def close(self) -> None:
        """Abandons the answer."""
        self._answer.close()

    async def _refused(self) -> None:
        refusal = read_refusal(self.status, await read_all(self._answer), self._secret)
        self.status, self._whole = refusal.status, refusal.body
        self.headers = refused_headers(self.headers, refusal.wait)


async def read_all(answer: Answer) -> bytes:
    """The body of a refusal, as far as `MAX_HELD`; what is longer is given up."""
    parts, size = [], 0
    while part := await answer.read():
        parts.append(part)
        size += len(part)
        if size > MAX_HELD:
            answer.close()
            break
    return b"".join(parts)


def judge_whole(body: bytes) -> None:
    """Raises UpstreamFailure for a plain answer that is none; whether it is JSON is judged elsewhere."""
    judge_reasons(body)
    if body and not _SUBSTANCE.search(body):
        raise UpstreamFailure(Result.SERVER_ERROR, "empty answer")


def judge_reasons(text: bytes) -> None:
    """Raises UpstreamFailure when a finish reason in `text` is one of no answer."""
    for found in _FINISH.finditer(text):
        judge_finish(found[2].decode())
        if found[1] is not None:
            raise UpstreamFailure(
                Result.FILTERED if found[1] == b"content_filter" else Result.SERVER_ERROR, found[1].decode()
            )


def refused_headers(headers: dict[bytes, bytes], wait: int | None) -> dict[bytes, bytes]:
    """An error's headers, with how long to wait if only the body said so."""
    headers = {name: value for name, value in headers.items() if name != b"content-encoding"}
    headers[b"content-type"] = b"application/json"
    if wait is not None:
        headers.setdefault(b"retry-after", b"%d" % wait)
    return headers
