"""Drives a gateway with Pydantic AI; see reporting.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from reporting import FAULTS, KEY, MODEL, NOBODY, ORDER, QUESTION, URL, WEATHER, report


class Order(BaseModel):
    """A structured answer."""

    drink: str
    count: int


def _agent(key: str = KEY, name: str = MODEL, **more: Any) -> Agent[None, Any]:
    client = AsyncOpenAI(base_url=URL, api_key=key, max_retries=0, timeout=20)
    return Agent(OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client)), **more)


def get_weather(city: str) -> str:
    """The weather in a city."""
    return "21 degrees"


def _tokens(usage: Any) -> list[int] | None:
    return [usage.input_tokens, usage.output_tokens, usage.input_tokens + usage.output_tokens]


def chat() -> dict[str, Any]:
    ran = asyncio.run(_agent().run(QUESTION))
    answer = ran.all_messages()[-1]
    return {
        "text": ran.output,
        "role": "assistant",
        "finish": answer.finish_reason,
        "tokens": _tokens(answer.usage),
    }


async def _read() -> dict[str, Any]:
    async with _agent().run_stream(QUESTION) as opened:
        pieces = [piece async for piece in opened.stream_text(delta=True, debounce_by=None)]
        answer = opened.all_messages()[-1]
    return {"pieces": pieces, "finish": answer.finish_reason, "tokens": _tokens(answer.usage)}


def stream_with_usage() -> dict[str, Any]:
    return asyncio.run(_read())


def _calls(messages: Any) -> list[dict[str, Any]]:
    return [
        {
            "finish": message.finish_reason,
            "id": part.tool_call_id,
            "name": part.tool_name,
            "arguments": part.args_as_dict(),
        }
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]


def tools() -> dict[str, Any]:
    ran = asyncio.run(_agent(tools=[get_weather]).run(WEATHER))
    return {**_calls(ran.all_messages())[0], "final": ran.output}


async def _streamed_tools() -> dict[str, Any]:
    async with _agent(tools=[get_weather]).run_stream(WEATHER) as opened:
        await opened.get_output()
        return _calls(opened.all_messages())[0]


def streamed_tools() -> dict[str, Any]:
    return asyncio.run(_streamed_tools())


def structured() -> dict[str, Any]:
    ran = asyncio.run(_agent(output_type=NativeOutput(Order)).run(ORDER))
    return ran.output.model_dump()


def _refusal(call: Callable[[], Coroutine[Any, Any, object]]) -> dict[str, Any]:
    try:
        asyncio.run(call())
    except ModelHTTPError as error:
        body: Any = error.body
        return {"status": error.status_code, "code": body["code"], "type": body["type"]}
    return {"error": None}


def bad_key() -> dict[str, Any]:
    return _refusal(lambda: _agent(key=NOBODY).run(QUESTION))


def unknown_model() -> dict[str, Any]:
    return _refusal(lambda: _agent(name="no-such-model").run(QUESTION))


def faults() -> dict[str, Any]:
    return {name: _refusal(lambda: _agent().run(text)) for name, text in FAULTS.items()}  # noqa: B023


if __name__ == "__main__":
    report(
        version("pydantic-ai-slim"),
        chat, stream_with_usage, tools, streamed_tools, structured, bad_key, unknown_model, faults,
    )  # fmt: skip
