"""Google's OpenAI-compatible chat completions: OpenAI's format with Gemini's words in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.providers.simulation import Prompt, Reply, is_signature
from gateway.providers.simulation_dialect import Dialect, Event
from gateway.providers.simulation_faults import Faults
from gateway.providers.simulation_gemini import STRICT, UNSIGNED, details, error
from gateway.providers.simulation_openai import CHAT

_FINISHES = {
    "MALFORMED_FUNCTION_CALL": "function_call_filter: MALFORMED_FUNCTION_CALL",
    **{
        reason: f"content_filter: {reason}"
        for reason in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")
    },
}


def _read(body: Mapping[str, Any]) -> Prompt:
    prompt = CHAT.read(body)
    if prompt.model.startswith(STRICT):
        for message in body["messages"]:
            calls = message.get("tool_calls")
            if isinstance(calls, list) and calls and not _signed(calls[0]):
                raise ValueError(UNSIGNED)
    return prompt


def _signed(call: Any) -> bool:
    extra = call.get("extra_content") if isinstance(call, Mapping) else None
    google = extra.get("google") if isinstance(extra, Mapping) else None
    return isinstance(google, Mapping) and is_signature(google.get("thought_signature"))


def _said(reply: Reply) -> Reply:
    """The reply with its finish reason as the endpoint calls it; a blocked prompt is one of them."""
    if reply.blocked:
        return replace(reply, finish=f"content_filter: {reply.blocked}")
    return replace(reply, finish=_FINISHES.get(reply.finish, reply.finish))


def _sign(holder: Any, reply: Reply) -> None:
    holder["extra_content"] = {"google": {"thought_signature": reply.signature}}


def _whole(reply: Reply, prompt: Prompt) -> Mapping[str, Any]:
    body: Any = CHAT.whole(_said(reply), prompt)
    choice = body["choices"][0]
    if reply.calls:
        _sign(choice["message"]["tool_calls"][0], reply)
    elif reply.tokens:
        _sign(choice["message"], reply)
    else:
        choice["message"] = {"role": "assistant"}
    return {**body, "object": "chat.completion"}


def _events(reply: Reply, prompt: Prompt, merged: bool) -> Iterator[Event]:
    """Each function call comes whole, in one event and without an index, and the end is called `stop`."""
    said = _said(replace(reply, finish="stop") if reply.finish == "tool_calls" else reply)
    body: Any = _whole(reply, prompt)
    calls = body["choices"][0]["message"].get("tool_calls")
    for event in CHAT.events(replace(said, calls=()), prompt, True):
        data: Any = event.data
        if data["choices"] and data["choices"][0]["finish_reason"] and calls:
            delta = {"role": "assistant", "tool_calls": calls}
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
            yield Event({**data, "choices": [choice]}, token=True)
        yield event


def _listed(body: Mapping[str, Any], faults: Faults) -> Any:
    """Its errors come as a list of one."""
    return [details(body, faults)]


COMPATIBLE = Dialect(_read, _whole, _events, error, _listed, done=b"[DONE]")
