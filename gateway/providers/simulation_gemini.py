"""Gemini's native wire format: generateContent, and streamGenerateContent as SSE or as a JSON array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.providers.simulation import Prompt, Reply
from gateway.providers.simulation_dialect import Dialect, Event, limit_of, text_of

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def _error(status: int, message: str) -> Mapping[str, Any]:
    return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}}


def _read(body: Mapping[str, Any]) -> Prompt:
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise ValueError("contents: must be a non-empty list")
    if not all(isinstance(content, Mapping) for content in contents):
        raise ValueError("contents: must be a list of objects")
    system = body.get("systemInstruction")
    settings = body.get("generationConfig")
    texts = [text_of(content.get("parts")) for content in contents]
    asked = [text for content, text in zip(contents, texts, strict=True) if content.get("role") != "model"]
    return Prompt(
        model="",
        text=asked[-1] if asked else "",
        context="\n".join([text_of(system.get("parts")) if isinstance(system, Mapping) else "", *texts]),
        limit=limit_of(settings, "maxOutputTokens") if isinstance(settings, Mapping) else None,
    )


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "promptTokenCount": reply.usage.input,
        "candidatesTokenCount": reply.usage.output - reply.usage.reasoning,
        "thoughtsTokenCount": reply.usage.reasoning,
        "cachedContentTokenCount": reply.usage.cached,
        "totalTokenCount": reply.usage.input + reply.usage.output,
    }


def _answer(reply: Reply, text: str, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = _FINISHES.get(finish, "OTHER")
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(reply),
        "modelVersion": reply.model,
        "responseId": reply.id,
    }


def _whole(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    return _answer(reply, reply.text, reply.finish)


def _events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    for token in reply.tokens[:-1]:
        yield Event(_answer(reply, token, None), token=True)
    yield Event(_answer(reply, "".join(reply.tokens[-1:]), reply.finish), token=True)


def dialect(model: str, *, stream: bool, sse: bool) -> Dialect:
    """Gemini's format for one path: the model and the method stand in the path, not in the body."""

    def read(body: Mapping[str, Any]) -> Prompt:
        return replace(_read(body), model=model, stream=stream)

    return Dialect(read, _whole, _events, _error, sse=sse)
