"""Gemini's native API: litellm writes the request, our own connection carries it, and we read the answer.

What litellm makes of the answer would not do: it turns a malformed function call into `stop`, gives a stream
that just ends a finish reason of its own, and takes half a millisecond an event.
"""

from __future__ import annotations

import re
from dataclasses import replace
from time import time
from typing import Any

import orjson

from gateway.providers import litellm
from gateway.providers.base import Answer, Call, UpstreamFailure
from gateway.providers.gemini import read_all, refused_headers
from gateway.providers.gemini_answer import whole
from gateway.providers.gemini_stream import Stream
from gateway.providers.google import read_refusal
from gateway.providers.openai import OpenAIProvider
from gateway.providers.reading import Reading
from gateway.providers.refused import Refused
from gateway.providers.translation import translatable
from gateway.providers.translation_parts import Unfit
from gateway.sse import EventTooLarge, Splitter, data_of, events
from routing.fallback import Result
from routing.snapshot import Upstream

_MODEL = re.compile(r"(?:models/|tunedModels/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta"
UNTRANSLATABLE = "The request cannot be written in the format of this route's upstream."


class NativeGeminiProvider:
    """The provider of one `gemini` upstream with `api: native`."""

    def __init__(self, upstream: Upstream) -> None:
        """Raises ValueError when litellm is not installed; it need not have been loaded yet."""
        if reason := litellm.missing():
            raise ValueError(reason)
        secret = upstream.api_key
        headers = (("x-goog-api-key", secret), *upstream.headers) if secret else upstream.headers
        self._http = OpenAIProvider(replace(upstream, api_key="", headers=headers))
        self._secret = secret

    @classmethod
    def of_litellm(cls, upstream: Upstream) -> NativeGeminiProvider:
        """The same for an upstream of litellm's, whose models may be called `gemini/…`."""
        return cls(replace(upstream, base_url=upstream.base_url or GEMINI_URL))

    async def send(self, call: Call) -> Answer:
        """Sends the translated call; what cannot be translated is refused as OpenAI's API would."""
        body: dict[str, Any] = orjson.loads(call.body)
        try:
            model = model_of(body.get("model"))
            request = request_of(model, body)
        except Unfit as unfit:
            return Refused(unfit)
        kind = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
        prefix = "" if "/" in model else "models/"
        answer = await self._http.send(
            Call(
                f"/{prefix}{model}:{kind}",
                call.headers,
                orjson.dumps(request),
                call.stream,
                call.timeouts,
                call.deadline,
            )
        )
        if call.stream:
            options = body.get("stream_options")
            usage = type(options) is dict and options.get("include_usage") is True
            return StreamedAnswer(answer, self._secret, Stream(model, int(time()), usage=usage))
        return WholeAnswer(answer, self._secret, model)

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()


def model_of(model: Any) -> str:
    """A model's name, which is going to be part of a path. Raises Unfit."""
    name = model.removeprefix("gemini/") if type(model) is str else ""
    if not _MODEL.fullmatch(name):
        raise Unfit("model", "This is not the name of a Gemini model.")
    return name


def request_of(model: str, body: dict[str, Any]) -> dict[str, Any]:
    """The native body of a chat request. Raises Unfit."""
    messages, fields = translatable(body, native=True)
    try:
        return litellm.gemini_request(model.rpartition("/")[2], messages, fields)
    except litellm.Untranslatable as error:
        if error.param is None:
            raise Unfit(None, UNTRANSLATABLE) from None
        raise Unfit(error.param, f"This route's model does not take '{error.param}'.") from None


class WholeAnswer(Reading):
    """A `generateContent` answer as a chat completion; an `Answer`."""

    def __init__(self, answer: Answer, secret: str, model: str) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._answer = answer
        self._secret = secret
        self._model = model
        self._body = b""

    async def arrive(self) -> None:
        """Waits for all of it."""
        answer = self._answer
        await answer.arrive()
        self.status, self.headers = answer.status, answer.headers
        if self.status >= 400:
            await self._refused()
        elif self.status == 200:
            self._body = self._translated(await answer.read())

    def _translated(self, body: bytes) -> bytes:
        if not body:
            raise UpstreamFailure(Result.AMBIGUOUS, "no body")
        return whole(body, self._model, int(time()))

    async def _refused(self) -> None:
        refusal = read_refusal(self.status, await read_all(self._answer), self._secret)
        self.status, self._body = refusal.status, refusal.body
        self.headers = refused_headers(self.headers, refusal.wait)

    async def read(self) -> bytes:
        """The body, then nothing."""
        body, self._body = self._body, b""
        return body

    def commit(self) -> None:
        """A stream's business."""
        self._answer.commit()

    def leave(self) -> None:
        """Nothing more is wanted."""
        self._answer.leave()

    def close(self) -> None:
        """Abandons the answer."""
        self._answer.close()


class StreamedAnswer(WholeAnswer):
    """A `streamGenerateContent` answer as a stream of chunks."""

    def __init__(self, answer: Answer, secret: str, stream: Stream) -> None:
        super().__init__(answer, secret, "")
        self._stream = stream
        self._splitter = Splitter()
        self._ended = False

    async def arrive(self) -> None:
        """Waits for the head, and for all of a refusal."""
        answer = self._answer
        await answer.arrive()
        self.status, self.headers = answer.status, answer.headers
        self._ended = self.status != 200
        if self.status >= 400:
            await self._refused()

    async def read(self) -> bytes:
        """The next chunks; the last of them once Gemini's stream has ended."""
        if self._ended:
            return await super().read()
        while True:
            block = await self._answer.read()
            translated = self._take(block) if block else self._end()
            if translated or self._ended:
                return translated

    def _take(self, block: bytes) -> bytes:
        try:
            complete = self._splitter.feed(block)
        except EventTooLarge:
            raise UpstreamFailure(Result.SERVER_ERROR, "event too large") from None
        return b"".join([self._event(event) for event in events(complete)])

    def _event(self, event: bytes) -> bytes:
        data = data_of(event)
        return b"" if data is None else self._stream.event(data)

    def _end(self) -> bytes:
        self._ended = True
        rest = self._splitter.rest.strip()
        if rest and data_of(rest) is None:
            raise UpstreamFailure(Result.SERVER_ERROR, "no stream of events")
        last = self._event(rest + b"\n\n") if rest else b""  # only the blank line behind it is missing
        return last + self._stream.end()
