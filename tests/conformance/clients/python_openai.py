"""Drives a gateway with the official `openai` client; see reporting.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
from pydantic import BaseModel
from reporting import FAULTS, KEY, MODEL, NOBODY, ORDER, QUESTION, TOOL, URL, WEATHER, report

CLIENT = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0, timeout=20)


class Order(BaseModel):
    """A structured answer."""

    drink: str
    count: int


def _asking(text: str = QUESTION) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL, "messages": messages, "metadata": {"rating": "2700"}}


def chat() -> dict[str, Any]:
    answer = CLIENT.chat.completions.create(**_asking())
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "role": choice.message.role,
        "finish": choice.finish_reason,
        "tokens": _tokens(answer.usage),
    }


def _tokens(usage: Any) -> list[int] | None:
    return usage and [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


def _read(stream: Any) -> dict[str, Any]:
    pieces: list[str] = []
    finish, tokens = None, None
    for chunk in stream:
        tokens = _tokens(chunk.usage) or tokens
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta.content:
                pieces.append(choice.delta.content)
    return {"pieces": pieces, "finish": finish, "tokens": tokens}


def stream() -> dict[str, Any]:
    opened = CLIENT.chat.completions.create(**_asking(), stream=True)
    return {"request_id": opened.response.headers["x-request-id"], **_read(opened)}


def stream_with_usage() -> dict[str, Any]:
    options = {"include_usage": True}
    return _read(CLIENT.chat.completions.create(**_asking(), stream=True, stream_options=options))


def tools() -> dict[str, Any]:
    asked = _asking(WEATHER)
    answer = CLIENT.chat.completions.create(**asked, tools=[TOOL])
    message = answer.choices[0].message
    (call,) = message.tool_calls
    asked["messages"] += [
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    final = CLIENT.chat.completions.create(**asked, tools=[TOOL]).choices[0].message.content
    return {
        "finish": answer.choices[0].finish_reason,
        "id": call.id,
        "name": call.function.name,
        "arguments": call.function.arguments,
        "final": final,
    }


def streamed_tools() -> dict[str, Any]:
    with CLIENT.chat.completions.stream(**_asking(WEATHER), tools=[TOOL]) as opened:
        choice = opened.get_final_completion().choices[0]
    (call,) = choice.message.tool_calls
    return {
        "finish": choice.finish_reason,
        "id": call.id,
        "name": call.function.name,
        "arguments": call.function.arguments,
    }


def structured() -> dict[str, Any]:
    answer = CLIENT.chat.completions.parse(**_asking(ORDER), response_format=Order)
    return answer.choices[0].message.parsed.model_dump()


def responses() -> dict[str, Any]:
    asked = {"model": MODEL, "metadata": {"rating": "2700"}}
    whole = CLIENT.responses.create(**asked, input=QUESTION)
    pieces, last = [], None
    for event in CLIENT.responses.create(**asked, input=QUESTION, stream=True):
        last = event.type
        if event.type == "response.output_text.delta":
            pieces.append(event.delta)
    function = {"type": "function", **TOOL["function"], "strict": False}
    (call,) = CLIENT.responses.create(**asked, input=WEATHER, tools=[function]).output
    return {
        "text": whole.output_text,
        "tokens": [whole.usage.input_tokens, whole.usage.output_tokens, whole.usage.total_tokens],
        "pieces": pieces,
        "last": last,
        "call": [call.name, call.arguments],
    }


def embeddings() -> dict[str, Any]:
    answer = CLIENT.embeddings.create(model=MODEL, input=["Embed this", "Embed that"])
    return {"vectors": [one.embedding for one in answer.data]}


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
    stranger = CLIENT.with_options(api_key=NOBODY)
    return _refusal(lambda: stranger.chat.completions.create(**_asking()))


def unknown_model() -> dict[str, Any]:
    return _refusal(lambda: CLIENT.chat.completions.create(**{**_asking(), "model": "no-such-model"}))


def faults() -> dict[str, Any]:
    asked = {name: _asking(text) for name, text in FAULTS.items()}
    return {name: _refusal(lambda: CLIENT.chat.completions.create(**asked[name])) for name in asked}  # noqa: B023


def models() -> dict[str, Any]:
    return {
        "names": [model.id for model in CLIENT.models.list()],
        "one": CLIENT.models.retrieve(MODEL).id,
        "unknown": _refusal(lambda: CLIENT.models.retrieve("no-such-model")),
    }


def request_id() -> dict[str, Any]:
    raw = CLIENT.chat.completions.with_raw_response.create(**_asking())
    return {
        "header": raw.headers["x-request-id"],
        "property": raw.parse()._request_id,
        "variant": raw.headers["x-headgate-variant"],
        "route": raw.headers["x-headgate-route"],
    }


if __name__ == "__main__":
    report(
        openai.__version__,
        chat, stream, stream_with_usage, tools, streamed_tools, structured, bad_key, unknown_model, faults,
        responses, embeddings, models, request_id,
    )  # fmt: skip
