"""Providers that litellm speaks to: its `acompletion` with everything around it left out.

The call itself goes by our own connection (`wire`), in a task of its own, because litellm needs one. What
went wrong is read off the wire where possible: a status and a broken connection say more than an exception
that has been through three layers.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from time import monotonic
from typing import Any, TypeVar

import orjson

from gateway.providers import litellm
from gateway.providers.base import Answer, Call, UpstreamFailure
from gateway.providers.gemini import refused_headers
from gateway.providers.gemini_native import UNTRANSLATABLE, NativeGeminiProvider
from gateway.providers.google import read_refusal
from gateway.providers.reading import Reading
from gateway.providers.refused import Refused
from gateway.providers.translation import refusal_body, translatable
from gateway.providers.translation_parts import Unfit
from gateway.providers.wire import PASSAGE, Passage, Wires
from routing.fallback import Result
from routing.snapshot import Upstream

T = TypeVar("T")
log = logging.getLogger("headgate.worker")

COMPLETION = ("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier")
MESSAGE = (
    "role", "content", "refusal", "tool_calls", "reasoning_content", "thinking_blocks", "annotations",
    "images", "audio",
)  # fmt: skip
"""What of litellm's answer the client gets: what OpenAI's API has, and reasoning."""
DONE = b"data: [DONE]\n\n"


class TranslatedProvider:
    """The provider of one `litellm` upstream; its models are called `vendor/model`."""

    def __init__(self, upstream: Upstream) -> None:
        """Raises ValueError when litellm is not installed; it need not have been loaded yet."""
        if reason := litellm.missing():
            raise ValueError(reason)
        self._wires = Wires(upstream)
        self._key = upstream.api_key
        self._url = upstream.base_url
        self._gemini = NativeGeminiProvider.of_litellm(upstream)

    async def send(self, call: Call) -> Answer:
        """Begins the call; what cannot be translated is refused as OpenAI's API would."""
        body: dict[str, Any] = orjson.loads(call.body)
        model = str(body.get("model"))
        if model.startswith("gemini/"):
            return await self._gemini.send(call)
        try:
            messages, fields = translatable(body, native=False)
        except Unfit as unfit:
            return Refused(unfit)
        options = body.get("stream_options")
        usage = type(options) is dict and options.get("include_usage") is True
        passage = Passage(self._wires, call)
        return begin(passage, model, messages, fields, key=self._key, url=self._url, usage=usage)

    def close(self) -> None:
        """Closes idle connections."""
        self._wires.close()
        self._gemini.close()


def begin(
    passage: Passage,
    model: str,
    messages: list[dict[str, Any]],
    fields: dict[str, Any],
    *,
    key: str,
    url: str,
    usage: bool = False,
) -> TranslatedAnswer:
    """Has litellm make the passage's call of `vendor/model`; `usage`: a stream ends with it."""
    call = passage.call
    seconds = max(call.deadline - monotonic(), 0.001)
    completion = litellm.complete(
        model, messages, fields, stream=call.stream, key=key, url=url, seconds=seconds
    )
    return TranslatedAnswer(passage, completion, key, usage=usage)


class TranslatedAnswer(Reading):
    """litellm's answer as OpenAI's; an `Answer`."""

    def __init__(
        self, passage: Passage, completion: Coroutine[Any, Any, Any], secret: str, *, usage: bool
    ) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._passage = passage
        self._secret = secret
        self._wants_usage = usage
        self._context = contextvars.copy_context()
        self._context.run(PASSAGE.set, passage)
        self._task: asyncio.Task[Any] | None = None
        self._stream: Any = None
        self._begun = False
        self._ended = False
        self._body = b""
        self._begin(completion)

    async def arrive(self) -> None:
        """Waits for the answer, or for the first event of a stream."""
        try:
            answer = await self._finished()
            if not self._passage.call.stream:
                self._body = orjson.dumps(chat_completion(answer.model_dump(mode="json")))
            else:
                self._stream = answer
                self._body = await self._next()
        except (UpstreamFailure, asyncio.CancelledError):
            raise
        except Exception as error:
            self._refused(error)
            return
        self.status = 200
        self.headers = {
            name: value for name, value in self._passage.headers.items() if name != b"content-type"
        }
        streams = self._passage.call.stream
        self.headers[b"content-type"] = b"text/event-stream" if streams else b"application/json"

    async def read(self) -> bytes:
        """The next event, or the body; then nothing."""
        body, self._body = self._body, b""
        if body or self._ended or self._stream is None:
            return body
        try:
            return await self._next()
        except (UpstreamFailure, asyncio.CancelledError):
            raise
        except Exception as error:
            raise self._failure(error) from None

    def commit(self) -> None:
        """The stream has begun in earnest."""
        self._passage.commit()

    def leave(self) -> None:
        """Nothing more is wanted."""
        self._passage.leave()

    def close(self) -> None:
        """Abandons the answer: the task of it, and the upstream call."""
        if self._task is not None:
            self._task.cancel()
        self._passage.close()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, step: Coroutine[Any, Any, Any]) -> None:
        """Has a task carry out a step of litellm's; within it our transport finds the passage."""
        self._task = asyncio.get_running_loop().create_task(step, context=self._context)

    async def _finished(self) -> Any:
        """What the step gives; a cancelled run cancels it, too."""
        assert self._task is not None
        try:
            return await self._task
        finally:
            self._task = None

    async def _next(self) -> bytes:
        """The next event that says something; the last one with what ends a stream behind it."""
        while True:
            self._begin(_step(self._stream))
            chunk = await self._finished()
            if chunk is None:
                self._check_end()
                self._ended = True
                return DONE
            event = self._event(chunk.model_dump(mode="json", exclude_none=True))
            if event:
                self._begun = True
                return event

    def _event(self, chunk: dict[str, Any]) -> bytes:
        kept = chat_completion(chunk)
        if any(choice["finish_reason"] for choice in kept["choices"]):
            self._check_end()
        if not self._wants_usage:
            kept.pop("usage", None)
        if "usage" in kept and not any(
            choice["delta"] or choice["finish_reason"] for choice in kept["choices"]
        ):
            kept["choices"] = []  # so is OpenAI's chunk with the usage
        elif not kept["choices"]:
            return b""
        return b"data: " + orjson.dumps(kept) + b"\n\n"

    def _check_end(self) -> None:
        """Raises UpstreamFailure when the stream's end is one that litellm has made up."""
        if self._passage.failure is not None:
            raise self._passage.failure
        if not litellm.ended_well(self._stream):
            result = Result.SERVER_ERROR if self._passage.begun else Result.AMBIGUOUS
            raise UpstreamFailure(Result.BROKEN if self._begun else result, "no finish reason")

    def _refused(self, error: Exception) -> None:
        """The answer is an error: the upstream's own status, or a 400 when nothing was sent."""
        passage = self._passage
        if passage.failure is None and passage.status >= 400:
            refusal = read_refusal(passage.status, passage.refusal, self._secret)
            self.status, self._body = refusal.status, refusal.body
            self.headers = refused_headers(passage.headers, refusal.wait)
            return
        if passage.sent or passage.failure is not None:
            raise self._failure(error) from None
        unfit = Unfit(None, UNTRANSLATABLE)
        if isinstance(error, litellm.Untranslatable) and error.param is not None:
            unfit = Unfit(error.param, f"This route's model does not take '{error.param}'.")
        self.status, self._body = 400, refusal_body(unfit)
        self.headers = {b"content-type": b"application/json"}

    def _failure(self, error: Exception) -> UpstreamFailure:
        """What became of the call, which litellm tells in its own way."""
        if self._passage.failure is not None:
            return self._passage.failure
        if not self._passage.begun:
            return UpstreamFailure(Result.AMBIGUOUS, "no body")
        if self._passage.told:
            log.warning("litellm could not read an upstream's answer: %s", type(error).__name__)
        return UpstreamFailure(Result.SERVER_ERROR, type(error).__name__)


async def _step(stream: Any) -> Any:
    """The next chunk, None at the end: a task cannot raise StopAsyncIteration to its waiter."""
    return await anext(stream, None)


def chat_completion(answer: dict[str, Any]) -> dict[str, Any]:
    """litellm's answer or chunk with nothing of its own in it."""
    kept = {name: answer[name] for name in COMPLETION if answer.get(name) is not None}
    kept["choices"] = [_choice(choice) for choice in answer.get("choices") or ()]
    return kept


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"index": choice.get("index", 0)}
    for place in ("message", "delta"):
        said = choice.get(place)
        if said is not None:
            kept[place] = {name: said[name] for name in MESSAGE if said.get(name) is not None}
            if place == "message":
                kept[place].setdefault("content", None)
                kept[place].setdefault("refusal", None)
    kept["logprobs"] = choice.get("logprobs")
    kept["finish_reason"] = choice.get("finish_reason")
    return kept
