"""From Gemini's native stream to OpenAI's, event by event. Pure, as `gemini_answer`."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.providers.base import UpstreamFailure
from gateway.providers.gemini_answer import (
    Reading,
    candidates_of,
    identity_of,
    index_of,
    judge_answer,
    parsed,
    usage_of,
)
from gateway.providers.google import STOP
from routing.fallback import Result

DONE = b"data: [DONE]\n\n"


class Stream:
    """A stream being translated, event by event.

    Nothing comes out before there is something to say: what fails until then may be tried again.
    """

    def __init__(self, model: str, created: int, *, usage: bool) -> None:
        self._model = model
        self._created = created
        self._wants_usage = usage
        self._usage: dict[str, Any] | None = None
        self._id = ""
        self._open: dict[int, _Candidate] = {}
        self._seen = False
        self._begun = False

    def event(self, data: bytes) -> bytes:
        """The events that one event's data become. Raises UpstreamFailure."""
        answer = parsed(data)
        self._seen = True
        judge_answer(answer)
        self._id = self._id or identity_of(answer)
        version = answer.get("modelVersion")
        if type(version) is str and version:
            self._model = version
        self._usage = usage_of(answer) or self._usage
        choices = []
        for number, candidate in enumerate(candidates_of(answer)):
            index = index_of(candidate, number)
            choice = self._open.setdefault(index, _Candidate()).choice(index, candidate)
            if choice is not None:
                choices.append(choice)
        if not choices:
            return b""
        self._begun = True
        return self._chunk(choices)

    def end(self) -> bytes:
        """The last events, once Gemini's stream has ended. Raises UpstreamFailure when that was no end.

        Finish reasons are told here: some models repeat theirs with every event.
        """
        if not self._seen:
            raise UpstreamFailure(Result.AMBIGUOUS, "empty stream")
        if not all(one.finish for one in self._open.values()):
            raise UpstreamFailure(Result.BROKEN if self._begun else Result.SERVER_ERROR, "no finish reason")
        if not any(one.carries for one in self._open.values()):
            raise UpstreamFailure(Result.BROKEN if self._begun else Result.SERVER_ERROR, "empty stream")
        choices = [one.last(index) for index, one in self._open.items()]
        last = self._chunk(choices)
        if self._wants_usage and self._usage is not None:
            last += self._chunk([], usage=self._usage)
        return last + DONE

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        chunk = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": choices,
            **more,
        }
        return b"data: " + orjson.dumps(chunk) + b"\n\n"


class _Candidate:
    """What of a stream's candidate matters for its next events."""

    __slots__ = ("begun", "calls", "carries", "finish")

    def __init__(self) -> None:
        self.begun = False
        self.calls = 0
        self.carries = False
        self.finish: str | None = None

    def choice(self, index: int, candidate: dict[str, Any]) -> dict[str, Any] | None:
        """An event's choice, None when it says nothing. Raises UpstreamFailure."""
        part = Reading(index)
        part.take(candidate, self.calls)
        self.calls += len(part.calls)
        self.finish = part.finish or self.finish
        self.carries = self.carries or part.carries()
        delta = part.delta()
        if not delta:
            return None
        if not self.begun:
            self.begun = True
            delta = {"role": "assistant", **delta}
        logprobs = None if part.logprobs is None else {"content": part.logprobs, "refusal": None}
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}

    def last(self, index: int) -> dict[str, Any]:
        """The choice that tells the finish reason."""
        finish = "tool_calls" if self.calls and self.finish == STOP else self.finish
        delta = {} if self.begun else {"role": "assistant", "content": ""}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
