"""OpenAI's Responses wire format: a message or calls of functions, before it reasoning if there was any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.providers.simulation import Prompt, Reply, tokens
from gateway.providers.simulation_calls import openai_tools
from gateway.providers.simulation_dialect import Dialect, Event, limit_of, model_of, text_of
from gateway.providers.simulation_openai import error, no_events, schema_of

_ECHOED: Mapping[str, Any] = {
    "background": False, "instructions": None, "max_output_tokens": None, "metadata": {},
    "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
    "service_tier": "default", "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}},
    "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
}  # fmt: skip
"""What a response repeats of its request, and what it says when that left it out."""


def _read(body: Mapping[str, Any]) -> Prompt:
    items = input_items(body)
    if not all(isinstance(item, Mapping) for item in items):
        raise ValueError("input: must be a string or a list of items")
    if not items and not body.get("previous_response_id"):
        raise ValueError("input: must not be empty")
    asked = [item for item in items if item.get("role") == "user"]
    said = [text_of(item.get("content") or item.get("output")) for item in items]
    answered = bool(items) and items[-1].get("type") == "function_call_output"
    form = body.get("text")
    return Prompt(
        model=model_of(body),
        text=text_of(asked[-1].get("content")) if asked else "",
        context="\n".join((text_of(body.get("instructions")), *said)),
        stream=body.get("stream") is True,
        limit=limit_of(body, "max_output_tokens"),
        body=body,
        tools=() if answered else openai_tools(body),
        schema=schema_of(form.get("format")) if isinstance(form, Mapping) else None,
    )


def input_items(body: Mapping[str, Any]) -> list[Any]:
    """The input of a request as a list, whichever way it was given."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}] if given else []
    if given is not None and not isinstance(given, list):
        raise ValueError("input: must be a string or a list of items")
    return given or []


def _message(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}],
    }


def _reasoning(reply: Reply) -> list[dict[str, Any]]:
    return [{"id": f"rs_{reply.id}", "type": "reasoning", "summary": []}] if reply.usage.reasoning else []


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"fc_{call.id.removeprefix('call_')}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.text,
        }
        for call in reply.calls
    ]


def response_of(reply: Reply, prompt: Prompt, status: str) -> dict[str, Any]:
    """The response object; output and usage are there once it is over."""
    over = status in ("completed", "incomplete")
    echoed = {name: prompt.body.get(name, default) for name, default in _ECHOED.items()}
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        **echoed,
        "model": reply.model,
        "output": [*_reasoning(reply), *(_calls(reply) or [_message(reply)])] if over else [],
        "usage": _usage(reply) if over else None,
        "user": prompt.body.get("user"),
    }


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": reply.usage.input,
        "input_tokens_details": {"cached_tokens": reply.usage.cached, "cache_write_tokens": 0},
        "output_tokens": reply.usage.output,
        "output_tokens_details": {"reasoning_tokens": reply.usage.reasoning},
        "total_tokens": reply.usage.input + reply.usage.output,
    }


def ending_of(reply: Reply) -> str:
    """How a response ends."""
    return "incomplete" if reply.finish == "length" else "completed"


def _whole(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    queued = prompt.body.get("background") is True
    return response_of(reply, prompt, "queued" if queued else ending_of(reply))


def _events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    for number, (kind, fields) in enumerate(_steps(reply, prompt)):
        data = {"type": kind, **fields, "sequence_number": number}
        yield Event(data, name=kind, token=kind.endswith(".delta"))


def _steps(reply: Reply, prompt: Prompt) -> Iterator[tuple[str, dict[str, Any]]]:
    running = response_of(reply, prompt, "in_progress")
    yield "response.created", {"response": running}
    yield "response.in_progress", {"response": running}
    thoughts = _reasoning(reply)
    for number, item in enumerate(thoughts):
        yield "response.output_item.added", {"output_index": number, "item": item}
        yield "response.output_item.done", {"output_index": number, "item": item}
    calls = _calls(reply)
    for number, call in enumerate(calls, len(thoughts)):
        yield from _call_steps(call, number)
    if not calls:
        yield from _message_steps(reply, len(thoughts))
    ending = ending_of(reply)
    yield f"response.{ending}", {"response": response_of(reply, prompt, ending)}


def _call_steps(call: dict[str, Any], index: int) -> Iterator[tuple[str, dict[str, Any]]]:
    opened = {**call, "status": "in_progress", "arguments": ""}
    yield "response.output_item.added", {"output_index": index, "item": opened}
    place = {"item_id": call["id"], "output_index": index}
    for piece in tokens(call["arguments"]):
        yield "response.function_call_arguments.delta", {**place, "delta": piece}
    whole = {"name": call["name"], "arguments": call["arguments"]}
    yield "response.function_call_arguments.done", {**place, **whole}
    yield "response.output_item.done", {"output_index": index, "item": call}


def _message_steps(reply: Reply, index: int) -> Iterator[tuple[str, dict[str, Any]]]:
    message = _message(reply)
    opened = {**message, "status": "in_progress", "content": []}
    yield "response.output_item.added", {"output_index": index, "item": opened}
    place = {"item_id": message["id"], "output_index": index, "content_index": 0}
    (part,) = message["content"]
    yield "response.content_part.added", {**place, "part": {**part, "text": ""}}
    for token in reply.tokens:
        yield "response.output_text.delta", {**place, "delta": token, "logprobs": []}
    yield "response.output_text.done", {**place, "text": reply.text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": part}
    yield "response.output_item.done", {"output_index": index, "item": message}


def _failure(message: str, number: int) -> Event:
    data = {"type": "error", "code": "server_error", "message": message, "param": None}
    return Event({**data, "sequence_number": number}, name="error")


def _compacted(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    item = {"id": f"cmp_{reply.id}", "type": "compaction", "encrypted_content": "c2ltdWxhdGVk"}
    return {
        "id": f"resp_{reply.id}",
        "object": "response.compaction",
        "created_at": reply.created,
        "output": [*(item for item in input_items(prompt.body) if item.get("role") == "user"), item],
        "usage": _usage(reply),
    }


def _counted(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    return {"object": "response.input_tokens", "input_tokens": reply.usage.input}


RESPONSES = Dialect(_read, _whole, _events, error, failure=_failure)
COMPACTION = Dialect(_read, _compacted, no_events, error)
INPUT_TOKENS = Dialect(_read, _counted, no_events, error)
