"""Drives a gateway with litellm's client; see reporting.py."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import litellm
import openai
from pydantic import BaseModel
from reporting import FAULTS, KEY, MODEL, NOBODY, ORDER, QUESTION, TOOL, URL, WEATHER, report

litellm.suppress_debug_info = True


class Order(BaseModel):
    """A structured answer."""

    drink: str
    count: int


def _ask(text: str = QUESTION, key: str = KEY, name: str = MODEL, **more: Any) -> Any:
    messages = more.pop("messages", [{"role": "user", "content": text}])
    return litellm.completion(
        model=f"openai/{name}",
        messages=messages,
        api_base=URL,
        api_key=key,
        num_retries=0,
        timeout=20,
        **more,
    )


def _tokens(usage: Any) -> list[int] | None:
    return usage and [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


def chat() -> dict[str, Any]:
    answer = _ask()
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "role": choice.message.role,
        "finish": choice.finish_reason,
        "tokens": _tokens(answer.usage),
    }


def _read(**options: Any) -> dict[str, Any]:
    pieces, finish, tokens = [], None, None
    for chunk in _ask(stream=True, **options):
        tokens = _tokens(getattr(chunk, "usage", None)) or tokens
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta.content:
                pieces.append(choice.delta.content)
    return {"pieces": pieces, "finish": finish, "tokens": tokens}


def stream() -> dict[str, Any]:
    return _read()


def stream_with_usage() -> dict[str, Any]:
    return _read(stream_options={"include_usage": True})


def _called(choice: Any) -> dict[str, Any]:
    (call,) = choice.message.tool_calls
    return {
        "finish": choice.finish_reason,
        "id": call.id,
        "name": call.function.name,
        "arguments": call.function.arguments,
    }


def tools() -> dict[str, Any]:
    choice = _ask(WEATHER, tools=[TOOL]).choices[0]
    called = _called(choice)
    messages = [
        {"role": "user", "content": WEATHER},
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": called["id"], "content": "21 degrees"},
    ]
    return {**called, "final": _ask(messages=messages, tools=[TOOL]).choices[0].message.content}


def streamed_tools() -> dict[str, Any]:
    chunks = list(_ask(WEATHER, tools=[TOOL], stream=True))
    return _called(litellm.stream_chunk_builder(chunks).choices[0])


def structured() -> dict[str, Any]:
    answer = _ask(ORDER, response_format=Order)
    return Order.model_validate_json(answer.choices[0].message.content).model_dump()


def _refusal(call: Callable[[], object]) -> dict[str, Any]:
    """litellm's errors are the openai client's, 502 apart; of the body it was told only the text is left."""
    try:
        call()
    except litellm.BadGatewayError as error:
        return {"status": error.status_code, "text": str(error)}
    except openai.APIStatusError as error:
        name = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("openai"))
        return {"error": name, "status": error.status_code, "text": str(error)}
    return {"error": None}


def bad_key() -> dict[str, Any]:
    return _refusal(lambda: _ask(key=NOBODY))


def unknown_model() -> dict[str, Any]:
    return _refusal(lambda: _ask(name="no-such-model"))


def faults() -> dict[str, Any]:
    return {name: _refusal(lambda: _ask(text)) for name, text in FAULTS.items()}  # noqa: B023


if __name__ == "__main__":
    report(
        version("litellm"),
        chat, stream, stream_with_usage, tools, streamed_tools, structured, bad_key, unknown_model, faults,
    )  # fmt: skip
