"""Drives a gateway with langchain-openai; see reporting.py."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from reporting import FAULTS, KEY, MODEL, NOBODY, ORDER, QUESTION, TOOL, URL, WEATHER, report


class Order(BaseModel):
    """A structured answer."""

    drink: str
    count: int


def _model(key: str = KEY, name: str = MODEL) -> ChatOpenAI:
    return ChatOpenAI(base_url=URL, api_key=key, model=name, max_retries=0, timeout=20)


def _tokens(usage: Any) -> list[int] | None:
    return usage and [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]]


def chat() -> dict[str, Any]:
    answer = _model().invoke(QUESTION)
    return {
        "text": answer.content,
        "role": "assistant" if answer.type == "ai" else answer.type,
        "finish": answer.response_metadata["finish_reason"],
        "tokens": _tokens(answer.usage_metadata),
    }


def _read(*, usage: bool) -> dict[str, Any]:
    chunks = list(_model().stream(QUESTION, stream_usage=usage))
    finish = [chunk.response_metadata.get("finish_reason") for chunk in chunks]
    tokens = [_tokens(chunk.usage_metadata) for chunk in chunks if chunk.usage_metadata]
    return {
        "pieces": [chunk.content for chunk in chunks if chunk.content],
        "finish": next((reason for reason in finish if reason), None),
        "tokens": tokens[-1] if tokens else None,
    }


def stream() -> dict[str, Any]:
    return _read(usage=False)


def stream_with_usage() -> dict[str, Any]:
    return _read(usage=True)


def tools() -> dict[str, Any]:
    model = _model().bind_tools([TOOL])
    messages: list[Any] = [HumanMessage(WEATHER)]
    answer = model.invoke(messages)
    (call,) = answer.tool_calls
    messages += [answer, ToolMessage("21 degrees", tool_call_id=call["id"])]
    return {
        "finish": answer.response_metadata["finish_reason"],
        "id": call["id"],
        "name": call["name"],
        "arguments": call["args"],
        "final": model.invoke(messages).content,
    }


def streamed_tools() -> dict[str, Any]:
    whole: Any = None
    for chunk in _model().bind_tools([TOOL]).stream(WEATHER):
        whole = chunk if whole is None else whole + chunk
    (call,) = whole.tool_calls
    return {
        "finish": whole.response_metadata["finish_reason"],
        "id": call["id"],
        "name": call["name"],
        "arguments": call["args"],
    }


def structured() -> dict[str, Any]:
    answer: Any = _model().with_structured_output(Order, method="json_schema").invoke(ORDER)
    return answer.model_dump()


def _refusal(model: ChatOpenAI, text: str = QUESTION) -> dict[str, Any]:
    try:
        model.invoke(text)
    except openai.APIStatusError as error:
        return {
            "error": _openai_name(error),
            "status": error.status_code,
            "code": error.code,
            "type": error.type,
            "request_id": error.request_id,
        }
    return {"error": None}


def _openai_name(error: Exception) -> str:
    """LangChain raises subclasses of its own; what they stand for is the client's class."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("openai"))


def bad_key() -> dict[str, Any]:
    return _refusal(_model(key=NOBODY))


def unknown_model() -> dict[str, Any]:
    return _refusal(_model(name="no-such-model"))


def faults() -> dict[str, Any]:
    return {name: _refusal(_model(), text) for name, text in FAULTS.items()}


if __name__ == "__main__":
    report(
        version("langchain-openai"),
        chat, stream, stream_with_usage, tools, streamed_tools, structured, bad_key, unknown_model, faults,
    )  # fmt: skip
