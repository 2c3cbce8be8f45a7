"""The messages that may be translated, each written anew of the keys that its role has."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.providers.translation_parts import Unfit, object_of, part_of

MOST_MESSAGES = 10_000
MOST_COMPARED = 100_000
"""Tool calls times parts of assistant's messages in a row: litellm compares each with each, a µs a pair."""
THOUGHTS = ("thinking", "redacted_thinking")
THOUGHT_FIELDS = ("type", "thinking", "signature", "data")


def messages_of(messages: Any, *, native: bool) -> list[dict[str, Any]]:
    """A request's messages. Raises Unfit. `native`: see `translatable`."""
    if type(messages) is not list or not messages:
        raise Unfit("messages", "'messages' must be a list with at least one message.")
    if len(messages) > MOST_MESSAGES:
        raise Unfit("messages", f"This route's upstream takes {MOST_MESSAGES:,} messages at most.")
    calls: set[str] = set()
    kept = [_message(message, f"messages[{at}]", calls, native) for at, message in enumerate(messages)]
    _check_rows(kept)
    return kept


def _check_rows(messages: list[dict[str, Any]]) -> None:
    """Raises Unfit when there are too many tool calls in a row."""
    parts = called = 0
    for at, message in enumerate(messages):
        if message["role"] != "assistant":
            parts = called = 0
            continue
        made = len(message.get("tool_calls", ()))
        parts, called = parts + made + 1, called + made
        if parts * called > MOST_COMPARED:
            raise Unfit(
                f"messages[{at}].tool_calls", "These are too many tool calls for this route's upstream."
            )


def _message(message: Any, path: str, calls: set[str], native: bool) -> dict[str, Any]:
    """One message; `calls` holds the ids of the tool calls so far."""
    role = object_of(message, path).get("role")
    if role in ("system", "developer"):
        return {"role": "system", "content": _text_of(_content(message, path), path)}
    if role == "user":
        return _named({"role": "user", "content": _content(message, path)}, message)
    if role == "assistant":
        return _assistant(message, path, calls, native)
    if role == "tool":
        answered = message.get("tool_call_id")
        if type(answered) is not str or answered not in calls:
            raise Unfit(f"{path}.tool_call_id", "A tool's message must answer a tool call before it.")
        return {"role": "tool", "tool_call_id": answered, "content": _content(message, path)}
    raise Unfit(f"{path}.role", "This route's upstream does not take messages of this role.")


def _named(kept: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    if type(message.get("name")) is str:
        kept["name"] = message["name"]
    return kept


def _content(message: dict[str, Any], path: str) -> Any:
    content = message.get("content")
    if type(content) is str:
        return content
    if type(content) is list and content:
        return [part_of(part, f"{path}.content[{at}]") for at, part in enumerate(content)]
    raise Unfit(f"{path}.content", "A message's content must be a text or a list of parts.")


def _text_of(content: Any, path: str) -> str:
    """A content as one text. Raises Unfit when there is more to it than text."""
    if type(content) is str:
        return content
    if any(part["type"] != "text" for part in content):
        raise Unfit(f"{path}.content", "This message can only be text for this route's upstream.")
    return "".join(part["text"] for part in content)


def _assistant(message: dict[str, Any], path: str, calls: set[str], native: bool) -> dict[str, Any]:
    kept: dict[str, Any] = {"role": "assistant", "content": None}
    if message.get("content"):
        kept["content"] = _text_of(_content(message, path), path)
    tool_calls = message.get("tool_calls")
    if tool_calls is not None:
        if type(tool_calls) is not list:
            raise Unfit(f"{path}.tool_calls", "This must be a list.")
        if tool_calls:
            kept["tool_calls"] = [
                _tool_call(call, f"{path}.tool_calls[{at}]", calls, native)
                for at, call in enumerate(tool_calls)
            ]
    if native:
        signature = _signature(message)
        if signature is not None:
            kept["provider_specific_fields"] = {"thought_signatures": [signature]}
    else:
        _keep_thoughts(kept, message)
    if kept["content"] is None and "tool_calls" not in kept:
        kept["content"] = ""
    return kept


def _keep_thoughts(kept: dict[str, Any], message: dict[str, Any]) -> None:
    """What some providers want back of their reasoning before a tool's result."""
    if type(message.get("reasoning_content")) is str:
        kept["reasoning_content"] = message["reasoning_content"]
    blocks = message.get("thinking_blocks")
    if type(blocks) is list:
        thoughts = [block for block in blocks if type(block) is dict and block.get("type") in THOUGHTS]
        kept["thinking_blocks"] = [
            {name: block[name] for name in THOUGHT_FIELDS if type(block.get(name)) is str}
            for block in thoughts
        ]


def _tool_call(call: Any, path: str, calls: set[str], native: bool) -> dict[str, Any]:
    function = object_of(object_of(call, path).get("function"), f"{path}.function")
    identity, name = call.get("id"), function.get("name")
    if type(identity) is not str or type(name) is not str:
        raise Unfit(path, "A tool call needs an id and the name of a function.")
    arguments = function.get("arguments") or "{}"
    if not _is_object(arguments):
        raise Unfit(f"{path}.function.arguments", "This must be a text that holds a JSON object.")
    calls.add(identity)
    kept: dict[str, Any] = {
        "id": identity,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    signature = _signature(call) if native else None
    if signature is not None:
        kept["provider_specific_fields"] = {"thought_signature": signature}
    return kept


def _is_object(arguments: Any) -> bool:
    try:
        return type(arguments) is str and type(orjson.loads(arguments)) is dict
    except ValueError:
        return False


def _signature(holder: dict[str, Any]) -> str | None:
    """The thought signature in `extra_content.google`, where Gemini's answers carry it."""
    extra = holder.get("extra_content")
    google = extra.get("google") if type(extra) is dict else None
    signature = google.get("thought_signature") if type(google) is dict else None
    return signature if type(signature) is str and signature else None
