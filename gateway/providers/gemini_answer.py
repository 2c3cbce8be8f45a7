"""From Gemini's native answers to OpenAI's: what a candidate says, and the body of a whole answer.

Pure: bytes and objects in, bytes out, or an UpstreamFailure for what is no answer. Thought signatures, which
Gemini wants back with the next turn, are where Google's own compatible endpoint puts them:
`extra_content.google.thought_signature` of a tool call, or of the message when it belongs to text.
"""

from __future__ import annotations

import os
from typing import Any

import orjson

from gateway.providers.base import UpstreamFailure
from gateway.providers.google import ENDS, LENGTH, STOP, judge_finish
from routing.fallback import Result


def whole(body: bytes, model: str, created: int) -> bytes:
    """A chat completion of a `generateContent` answer; `model` was asked for, `created` is Unix time.

    Raises UpstreamFailure when every candidate came to nothing, or one was withheld.
    """
    answer = parsed(body)
    judge_answer(answer)
    choices = []
    for index, candidate in enumerate(candidates_of(answer)):
        part = Reading(index_of(candidate, index))
        part.take(candidate)
        choices.append(part.choice())
    if not choices or not any(choice["carries"] for choice in choices):
        raise UpstreamFailure(Result.SERVER_ERROR, "empty answer")
    for choice in choices:
        del choice["carries"]
    completion: dict[str, Any] = {
        "id": identity_of(answer),
        "object": "chat.completion",
        "created": created,
        "model": answer.get("modelVersion") or model,
        "choices": choices,
    }
    usage = usage_of(answer)
    if usage is not None:
        completion["usage"] = usage
    return orjson.dumps(completion)


class Reading:
    """What one candidate has said so far."""

    __slots__ = ("calls", "content", "finish", "images", "index", "logprobs", "reasoning", "signature")

    def __init__(self, index: int) -> None:
        self.index = index
        self.content: str | None = None
        self.reasoning: str | None = None
        self.calls: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.signature: str | None = None
        self.finish: str | None = None
        self.logprobs: list[dict[str, Any]] | None = None

    def take(self, candidate: dict[str, Any], first_call: int = 0) -> None:
        """Takes in a candidate, or what one event holds of it. Raises UpstreamFailure.

        `first_call` is the number of the first tool call.
        """
        finish = candidate.get("finishReason")
        if type(finish) is str:
            judge_finish(finish)
            self.finish = ENDS.get(finish, STOP)
        content = candidate.get("content")
        for part in objects(content.get("parts")) if type(content) is dict else ():
            self._take_part(part, first_call)
        logprobs = candidate.get("logprobsResult")
        if type(logprobs) is dict:
            self.logprobs = _logprobs(logprobs)

    def _take_part(self, part: dict[str, Any], first_call: int) -> None:
        signature = part.get("thoughtSignature")
        call = part.get("functionCall")
        if type(call) is dict:
            self.calls.append(_tool_call(call, first_call + len(self.calls), signature))
            return
        if type(signature) is str:
            self.signature = signature
        text = part.get("text")
        if type(text) is str and text:
            if part.get("thought") is True:
                self.reasoning = (self.reasoning or "") + text
            else:
                self.content = (self.content or "") + text
        data = part.get("inlineData")
        if type(data) is dict and str(data.get("mimeType")).startswith("image/"):
            url = f"data:{data['mimeType']};base64,{data.get('data', '')}"
            self.images.append({"type": "image_url", "index": len(self.images), "image_url": {"url": url}})

    def carries(self) -> bool:
        """Whether there is anything for the client in it, thoughts aside; running out of tokens is an end."""
        return bool(self.content or self.calls or self.images) or self.finish == LENGTH

    def choice(self) -> dict[str, Any]:
        """A whole answer's choice, `carries` beside it."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content, "refusal": None}
        if self.content is None and not self.calls:
            message["content"] = ""
        self._fill(message)
        for call in self.calls:
            del call["index"]  # a stream's only
        return {
            "index": self.index,
            "message": message,
            "logprobs": None if self.logprobs is None else {"content": self.logprobs, "refusal": None},
            "finish_reason": self.ended(bool(self.calls)),
            "carries": self.carries(),
        }

    def delta(self) -> dict[str, Any]:
        """What an event adds; empty when it adds nothing."""
        delta: dict[str, Any] = {}
        if self.content is not None:
            delta["content"] = self.content
        self._fill(delta)
        return delta

    def _fill(self, message: dict[str, Any]) -> None:
        if self.reasoning is not None:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = self.calls
        if self.images:
            message["images"] = self.images
        if self.signature is not None:
            message["extra_content"] = _signed(self.signature)

    def ended(self, called: bool) -> str:
        """The finish reason; `called`: there was a tool call in the answer."""
        finish = self.finish or STOP
        return "tool_calls" if called and finish == STOP else finish


def usage_of(answer: dict[str, Any]) -> dict[str, Any] | None:
    """OpenAI's usage of an answer's `usageMetadata`; None when it has none.

    Gemini counts thoughts beside the candidates' tokens, unless the total says that they are among them, and
    what its tools read beside the prompt's.
    """
    told = answer.get("usageMetadata")
    if type(told) is not dict or "promptTokenCount" not in told:
        return None

    def count(name: str) -> int:
        value = told.get(name)
        return value if type(value) is int else 0

    prompt = count("promptTokenCount") + count("toolUsePromptTokenCount")
    thoughts = count("thoughtsTokenCount")
    completion = count("candidatesTokenCount")
    if prompt + completion != count("totalTokenCount"):
        completion += thoughts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": count("cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }


def parsed(data: bytes) -> dict[str, Any]:
    """The object that the bytes are. Raises UpstreamFailure."""
    try:
        answer = orjson.loads(data)
    except ValueError:
        answer = None
    if type(answer) is not dict:
        raise UpstreamFailure(Result.SERVER_ERROR, "not a JSON object")
    return answer


def judge_answer(answer: dict[str, Any]) -> None:
    """Raises UpstreamFailure for an error in disguise, and for a prompt that was withheld from the model."""
    if answer.get("error"):
        raise UpstreamFailure(Result.SERVER_ERROR, "error")
    feedback = answer.get("promptFeedback")
    if type(feedback) is dict and feedback.get("blockReason"):
        raise UpstreamFailure(Result.FILTERED, "prompt")


def candidates_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Its candidates."""
    return objects(answer.get("candidates"))


def index_of(candidate: dict[str, Any], position: int) -> int:
    """A candidate's number, which is its position unless it says otherwise."""
    index = candidate.get("index")
    return index if type(index) is int else position


def identity_of(answer: dict[str, Any]) -> str:
    """An answer's id, or a new one."""
    identity = answer.get("responseId")
    return identity if type(identity) is str and identity else f"chatcmpl-{os.urandom(12).hex()}"


def _tool_call(call: dict[str, Any], index: int, signature: Any) -> dict[str, Any]:
    arguments = call.get("args")
    identity = call.get("id")
    tool_call = {
        "index": index,
        "id": identity if type(identity) is str and identity else f"call_{os.urandom(12).hex()}",
        "type": "function",
        "function": {
            "name": str(call.get("name", "")),
            "arguments": "{}" if arguments is None else orjson.dumps(arguments).decode(),
        },
    }
    if type(signature) is str:
        tool_call["extra_content"] = _signed(signature)
    return tool_call


def _signed(signature: str) -> dict[str, Any]:
    return {"google": {"thought_signature": signature}}


def _logprobs(result: dict[str, Any]) -> list[dict[str, Any]]:
    """OpenAI's list of tokens with their probabilities."""
    tops = objects(result.get("topCandidates"))
    return [
        {
            **_token(chosen),
            "top_logprobs": [
                _token(other) for top in tops[at : at + 1] for other in objects(top.get("candidates"))
            ],
        }
        for at, chosen in enumerate(objects(result.get("chosenCandidates")))
    ]


def _token(candidate: dict[str, Any]) -> dict[str, Any]:
    token = str(candidate.get("token", ""))
    return {"token": token, "logprob": candidate.get("logProbability"), "bytes": list(token.encode())}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none of what is no list."""
    return [it for it in value if type(it) is dict] if type(value) is list else []
