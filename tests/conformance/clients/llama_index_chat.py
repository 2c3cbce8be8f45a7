"""Drives a gateway with LlamaIndex's client for OpenAI-compatible servers; see reporting.py."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import openai
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from reporting import FAULTS, KEY, MODEL, NOBODY, ORDER, QUESTION, URL, WEATHER, report


class Order(BaseModel):
    """A structured answer."""

    drink: str
    count: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return "21 degrees"


TOOLS = [FunctionTool.from_defaults(get_weather)]


def _model(key: str = KEY, name: str = MODEL) -> OpenAILike:
    return OpenAILike(
        model=name,
        api_base=URL,
        api_key=key,
        is_chat_model=True,
        is_function_calling_model=True,
        should_use_structured_outputs=True,
        max_retries=0,
        timeout=20,
    )


def _said(text: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=text)]


def _tokens(usage: Any) -> list[int] | None:
    return usage and [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


def chat() -> dict[str, Any]:
    answer = _model().chat(_said(QUESTION))
    return {
        "text": answer.message.content,
        "role": answer.message.role.value,
        "finish": answer.raw.choices[0].finish_reason,
        "tokens": _tokens(answer.raw.usage),
    }


def _read(**options: Any) -> dict[str, Any]:
    pieces, finish, tokens = [], None, None
    for answer in _model().stream_chat(_said(QUESTION), **options):
        tokens = _tokens(answer.raw.usage) or tokens
        for choice in answer.raw.choices:
            finish = choice.finish_reason or finish
        if answer.delta:
            pieces.append(answer.delta)
    return {"pieces": pieces, "finish": finish, "tokens": tokens}


def stream() -> dict[str, Any]:
    return _read()


def stream_with_usage() -> dict[str, Any]:
    return _read(stream_options={"include_usage": True})


def _called(model: OpenAILike, answer: Any) -> dict[str, Any]:
    (call,) = model.get_tool_calls_from_response(answer)
    return {"id": call.tool_id, "name": call.tool_name, "arguments": call.tool_kwargs}


def tools() -> dict[str, Any]:
    model = _model()
    messages = _said(WEATHER)
    answer = model.chat_with_tools(TOOLS, chat_history=messages)
    called = _called(model, answer)
    result = ChatMessage(
        role=MessageRole.TOOL, content="21 degrees", additional_kwargs={"tool_call_id": called["id"]}
    )
    final = model.chat_with_tools(TOOLS, chat_history=[*messages, answer.message, result])
    return {**called, "finish": answer.raw.choices[0].finish_reason, "final": final.message.content}


def streamed_tools() -> dict[str, Any]:
    model = _model()
    answers = list(model.stream_chat_with_tools(TOOLS, chat_history=_said(WEATHER)))
    finish = [choice.finish_reason for answer in answers for choice in answer.raw.choices]
    return {**_called(model, answers[-1]), "finish": next(reason for reason in finish if reason)}


def structured() -> dict[str, Any]:
    answer: Any = _model().as_structured_llm(Order).chat(_said(ORDER)).raw
    return answer.model_dump()


def _refusal(call: Callable[[], object]) -> dict[str, Any]:
    try:
        call()
    except openai.APIStatusError as error:
        return {
            "error": type(error).__name__,
            "status": error.status_code,
            "code": error.code,
            "type": error.type,
            "request_id": error.request_id,
        }
    return {"error": None}


def bad_key() -> dict[str, Any]:
    return _refusal(lambda: _model(key=NOBODY).chat(_said(QUESTION)))


def unknown_model() -> dict[str, Any]:
    return _refusal(lambda: _model(name="no-such-model").chat(_said(QUESTION)))


def faults() -> dict[str, Any]:
    return {name: _refusal(lambda: _model().chat(_said(text))) for name, text in FAULTS.items()}  # noqa: B023


if __name__ == "__main__":
    report(
        version("llama-index-llms-openai-like"),
        chat, stream, stream_with_usage, tools, streamed_tools, structured, bad_key, unknown_model, faults,
    )  # fmt: skip
