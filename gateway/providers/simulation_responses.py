"""OpenAI's Responses wire format, one text message at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.providers.simulation import Prompt, Reply
from gateway.providers.simulation_dialect import Dialect, Event, limit_of, model_of, text_of
from gateway.providers.simulation_openai import error


def _read(body: Mapping[str, Any]) -> Prompt:
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        raise ValueError("input: must be a string or a non-empty list of messages")
    asked = [item for item in items if item.get("role") == "user"]
    texts = [text_of(body.get("instructions")), *(text_of(item.get("content")) for item in items)]
    return Prompt(
        model=model_of(body),
        text=text_of(asked[-1].get("content")) if asked else "",
        context="\n".join(texts),
        stream=body.get("stream") is True,
        limit=limit_of(body, "max_output_tokens"),
    )


def _message(reply: Reply) -> dict[str, Any]:
    return {
        "type": "message",
        "id": f"msg_{reply.id}",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": reply.text, "annotations": []}],
    }


def _response(reply: Reply, complete: bool) -> dict[str, Any]:
    cut = complete and reply.finish == "length"
    usage = {
        "input_tokens": reply.usage.input,
        "input_tokens_details": {"cached_tokens": reply.usage.cached},
        "output_tokens": reply.usage.output,
        "output_tokens_details": {"reasoning_tokens": reply.usage.reasoning},
        "total_tokens": reply.usage.input + reply.usage.output,
    }
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created,
        "status": ("incomplete" if cut else "completed") if complete else "in_progress",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": reply.model,
        "output": [_message(reply)] if complete else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if complete else None,
    }


def _whole(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    return _response(reply, complete=True)


def _events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    place = {"item_id": f"msg_{reply.id}", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    opened = {**_message(reply), "status": "in_progress", "content": []}
    final = "response.incomplete" if reply.finish == "length" else "response.completed"
    steps: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": _response(reply, complete=False)}),
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("response.content_part.added", {**place, "part": part}),
        *(
            ("response.output_text.delta", {**place, "delta": token, "logprobs": []})
            for token in reply.tokens
        ),
        ("response.output_text.done", {**place, "text": reply.text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": {**part, "text": reply.text}}),
        ("response.output_item.done", {"output_index": 0, "item": _message(reply)}),
        (final, {"response": _response(reply, complete=True)}),
    ]
    for number, (kind, fields) in enumerate(steps):
        data = {"type": kind, "sequence_number": number, **fields}
        yield Event(data, name=kind, token=kind == "response.output_text.delta")


RESPONSES = Dialect(_read, _whole, _events, error)
