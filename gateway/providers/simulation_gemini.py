"""Gemini's native wire format: generateContent, and streamGenerateContent as SSE or as a JSON array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.providers.simulation import Prompt, Reply, is_signature
from gateway.providers.simulation_calls import either, gemini_tools
from gateway.providers.simulation_dialect import Dialect, Event, limit_of, text_of
from gateway.providers.simulation_faults import Faults

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
FINISHES = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
STRICT = "gemini-3"
"""Models whose name begins so refuse a function call without the signature that it came with."""
UNSIGNED = "Function call is missing a thought_signature in functionCall parts."


def error(status: int, message: str) -> Mapping[str, Any]:
    """Google's error body."""
    return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}}


def details(body: Mapping[str, Any], faults: Faults) -> Mapping[str, Any]:
    """The error body with the details that are asked for."""
    kept: list[dict[str, Any]] = []
    if faults.reason is not None:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        kept.append({"@type": kind, "reason": faults.reason, "domain": "googleapis.com"})
    if faults.retry_delay is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        kept.append({"@type": kind, "retryDelay": faults.retry_delay})
    return {"error": {**body["error"], "details": kept}} if kept else body


def _read(body: Mapping[str, Any], model: str) -> Prompt:
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise ValueError("contents: must be a non-empty list")
    if not all(isinstance(content, Mapping) for content in contents):
        raise ValueError("contents: must be a list of objects")
    system = either(body, "systemInstruction")
    given = either(body, "generationConfig")
    settings = given if isinstance(given, Mapping) else {}
    texts = [text_of(content.get("parts")) for content in contents]
    asked = [text for content, text in zip(contents, texts, strict=True) if content.get("role") != "model"]
    if model.startswith(STRICT):
        _check_signatures(contents)
    limits = {"maxOutputTokens": either(settings, "maxOutputTokens")}
    thinking = either(settings, "thinkingConfig")
    return Prompt(
        model=model,
        text=asked[-1] if asked else "",
        context="\n".join([text_of(system.get("parts")) if isinstance(system, Mapping) else "", *texts]),
        limit=limit_of(limits, "maxOutputTokens"),
        tools=() if _answered(contents[-1]) else gemini_tools(body),
        schema=_schema_of(settings),
        thinks=isinstance(thinking, Mapping) and either(thinking, "includeThoughts") is True,
    )


def _parts(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = content.get("parts")
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []


def _answered(content: Mapping[str, Any]) -> bool:
    return any(either(part, "functionResponse") is not None for part in _parts(content))


def _check_signatures(contents: list[Mapping[str, Any]]) -> None:
    """Each turn's first function call has to carry its signature. Raises ValueError."""
    for content in contents:
        calls = [part for part in _parts(content) if either(part, "functionCall") is not None]
        if calls and not is_signature(either(calls[0], "thoughtSignature")):
            raise ValueError(UNSIGNED)


def _schema_of(settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if either(settings, "responseMimeType") != "application/json":
        return None
    schema = either(settings, "responseJsonSchema") or either(settings, "responseSchema")
    return schema if isinstance(schema, Mapping) else {}


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "promptTokenCount": reply.usage.input,
        "candidatesTokenCount": reply.usage.output - reply.usage.reasoning,
        "thoughtsTokenCount": reply.usage.reasoning,
        "cachedContentTokenCount": reply.usage.cached,
        "totalTokenCount": reply.usage.input + reply.usage.output,
    }


def _answer(reply: Reply, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    shared = {"usageMetadata": _usage(reply), "modelVersion": reply.model, "responseId": reply.id}
    if reply.blocked:
        return {"promptFeedback": {"blockReason": reply.blocked}, **shared}
    candidate: dict[str, Any] = {"content": {"role": "model"}, "index": 0}
    if parts:
        candidate["content"]["parts"] = parts
    if finish is not None:
        # What is no finish reason of OpenAI's is one of Gemini's already.
        candidate["finishReason"] = FINISHES.get(finish, finish)
    return {"candidates": [candidate], **shared}


def _thought(reply: Reply) -> list[dict[str, Any]]:
    return [{"text": reply.thoughts, "thought": True}] if reply.thoughts else []


def _calls(reply: Reply) -> list[dict[str, Any]]:
    """The calls, of which Gemini signs the first."""
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": call.name, "args": call.arguments}} for call in reply.calls
    ]
    if parts:
        parts[0]["thoughtSignature"] = reply.signature
    return parts


def _whole(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    said = [{"text": reply.text, "thoughtSignature": reply.signature}] if reply.tokens else []
    return _answer(reply, [*_thought(reply), *said, *_calls(reply)], reply.finish)


def _events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    for part in _thought(reply):
        yield Event(_answer(reply, [part], None), token=True)
    for token in reply.tokens[:-1]:
        yield Event(_answer(reply, [{"text": token}], None), token=True)
    last = [{"text": token, "thoughtSignature": reply.signature} for token in reply.tokens[-1:]]
    yield Event(_answer(reply, [*last, *_calls(reply)], reply.finish), token=True)


def dialect(model: str, *, stream: bool, sse: bool) -> Dialect:
    """Gemini's format for one path: the model and the method stand in the path, not in the body."""

    def read(body: Mapping[str, Any]) -> Prompt:
        return replace(_read(body, model), stream=stream)

    return Dialect(read, _whole, _events, error, details, sse=sse)
