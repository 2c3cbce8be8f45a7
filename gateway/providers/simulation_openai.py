"""OpenAI's wire formats: chat completions, completions and embeddings."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from gateway.providers.simulation import Prompt, Reply, tokens
from gateway.providers.simulation_calls import openai_tools
from gateway.providers.simulation_dialect import Dialect, Event, limit_of, model_of, text_of
from gateway.providers.simulation_faults import Usage

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def error(status: int, message: str) -> Mapping[str, Any]:
    """OpenAI's error body."""
    kind = _TYPES.get(status) or ("invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def usage_of(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def _read_chat(body: Mapping[str, Any]) -> Prompt:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages: must be a non-empty list")
    if not all(isinstance(message, Mapping) for message in messages):
        raise ValueError("messages: must be a list of objects")
    asked = [message for message in messages if message.get("role") == "user"]
    answered = messages[-1].get("role") == "tool"
    return Prompt(
        model=model_of(body),
        text=text_of(asked[-1].get("content")) if asked else "",
        context="\n".join(text_of(message.get("content")) for message in messages),
        stream=body.get("stream") is True,
        usage=_wants_usage(body),
        limit=limit_of(body, "max_completion_tokens", "max_tokens"),
        tools=() if answered else openai_tools(body),
        schema=schema_of(body.get("response_format")),
    )


def schema_of(form: object) -> Mapping[str, Any] | None:
    """What the answer has to fit; any object in JSON mode. The Responses API writes the schema flat."""
    if not isinstance(form, Mapping) or form.get("type") not in ("json_schema", "json_object"):
        return None
    given = form.get("json_schema", form)
    schema = given.get("schema") if isinstance(given, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}


def _whole_chat(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    text = None if reply.calls else reply.text
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for call in reply.calls
        ]
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}],
        "usage": usage_of(reply.usage),
        "system_fingerprint": "fp_simulated",
    }


def _chat_events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    def chunk(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{reply.id}",
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.model,
            "system_fingerprint": "fp_simulated",
            "choices": choices,
            **more,
        }

    def delta(content: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        # OpenAI sends a null usage in every chunk but the last one when usage was asked for.
        more = {"usage": None} if prompt.usage else {}
        choice = {"index": 0, "delta": content, "logprobs": None, "finish_reason": finish}
        return chunk([choice], **more)

    role = {"role": "assistant"}
    if not merged or not reply.tokens:
        yield Event(delta({**role, "content": ""}))
        role = {}
    for token in reply.tokens:
        yield Event(delta({**role, "content": token}), token=True)
        role = {}
    for index, call in enumerate(reply.calls):
        begun = {"name": call.name, "arguments": ""}
        yield Event(
            delta({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": begun}]})
        )
        for piece in tokens(call.text):
            yield Event(
                delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}), token=True
            )
    yield Event(delta({}, reply.finish))
    if prompt.usage:
        yield Event(chunk([], usage=usage_of(reply.usage)))


def _read_completion(body: Mapping[str, Any]) -> Prompt:
    prompts = _texts(body.get("prompt"), "prompt")
    return Prompt(
        model=model_of(body),
        text=prompts[-1],
        context="\n".join(prompts),
        inputs=prompts,
        stream=body.get("stream") is True,
        usage=_wants_usage(body),
        limit=limit_of(body, "max_tokens"),
    )


def _completion(reply: Reply, text: str, finish: str | None, choices: int = 1) -> dict[str, Any]:
    choice = {"text": text, "logprobs": None, "finish_reason": finish}
    return {
        "id": f"cmpl-{reply.id}",
        "object": "text_completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [{"index": index, **choice} for index in range(choices)],
    }


def _whole_completion(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    whole = _completion(reply, reply.text, reply.finish, len(prompt.inputs))
    return {**whole, "usage": usage_of(reply.usage)}


def _completion_events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    more = {"usage": None} if prompt.usage else {}
    for token in reply.tokens:
        yield Event({**_completion(reply, token, None), **more}, token=True)
    yield Event({**_completion(reply, "", reply.finish), **more})
    if prompt.usage:
        yield Event({**_completion(reply, "", None), "choices": [], "usage": usage_of(reply.usage)})


def _read_embeddings(body: Mapping[str, Any]) -> Prompt:
    inputs = _texts(body.get("input"), "input")
    return Prompt(
        model=model_of(body),
        text=inputs[-1],
        context="\n".join(inputs),
        inputs=inputs,
        dimensions=limit_of(body, "dimensions") or 8,
        base64=body.get("encoding_format") == "base64",
    )


def _texts(given: object, name: str) -> tuple[str, ...]:
    """Texts, or tokens in place of texts, one or a list of them. Raises ValueError."""
    if isinstance(given, str) or (isinstance(given, list) and given and _are_tokens(given)):
        given = [given]
    if not isinstance(given, list) or not given:
        raise ValueError(f"{name}: must be a text or a list of texts, as characters or tokens")
    if not all(isinstance(text, str) or _are_tokens(text) for text in given):
        raise ValueError(f"{name}: must be a text or a list of texts, as characters or tokens")
    return tuple(text if isinstance(text, str) else " ".join(map(str, text)) for text in given)


def _are_tokens(text: object) -> bool:
    return isinstance(text, list) and bool(text) and all(isinstance(token, int) for token in text)


def _whole_embeddings(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(text, prompt)}
            for index, text in enumerate(prompt.inputs)
        ],
        "model": reply.model,
        "usage": {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input},
    }


def _vector(text: str, prompt: Prompt) -> list[float] | str:
    """The same text always has the same unit vector."""
    rng = Random(text)
    numbers = [rng.gauss(0.0, 1.0) for _ in range(prompt.dimensions)]
    length = sum(number * number for number in numbers) ** 0.5
    unit = [number / length for number in numbers]
    if not prompt.base64:
        return unit
    return base64.b64encode(struct.pack(f"<{len(unit)}f", *unit)).decode()


def no_events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    """Of what is never streamed."""
    return iter(())


CHAT = Dialect(_read_chat, _whole_chat, _chat_events, error, done=b"[DONE]")
COMPLETIONS = Dialect(_read_completion, _whole_completion, _completion_events, error, done=b"[DONE]")
EMBEDDINGS = Dialect(_read_embeddings, _whole_embeddings, no_events, error)
