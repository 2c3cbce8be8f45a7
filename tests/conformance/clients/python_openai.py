"""Drives a gateway with the official `openai` client: URL and key as arguments, a JSON report on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import openai

URL, KEY = sys.argv[1:]
CLIENT = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0, timeout=20)
ASK: dict[str, Any] = {
    "model": "solver",
    "messages": [{"role": "user", "content": "Write a program that adds two numbers."}],
    "metadata": {"rating": "2700"},
}


def chat() -> dict[str, Any]:
    answer = CLIENT.chat.completions.create(**ASK)
    choice = answer.choices[0]
    usage = answer.usage
    assert usage is not None
    return {
        "text": choice.message.content,
        "role": choice.message.role,
        "finish": choice.finish_reason,
        "tokens": [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens],
    }


def _read(stream: Any) -> dict[str, Any]:
    pieces: list[str] = []
    finish, tokens = None, None
    for chunk in stream:
        if chunk.usage is not None:
            tokens = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens, chunk.usage.total_tokens]
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta.content:
                pieces.append(choice.delta.content)
    return {"pieces": pieces, "finish": finish, "tokens": tokens}


def stream() -> dict[str, Any]:
    opened = CLIENT.chat.completions.create(**ASK, stream=True)
    return {"request_id": opened.response.headers["x-request-id"], **_read(opened)}


def stream_with_usage() -> dict[str, Any]:
    return _read(CLIENT.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))


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
    stranger = CLIENT.with_options(api_key="hg_nobody")
    return _refusal(lambda: stranger.chat.completions.create(**ASK))


def unknown_model() -> dict[str, Any]:
    return _refusal(lambda: CLIENT.chat.completions.create(**{**ASK, "model": "no-such-model"}))


def models() -> dict[str, Any]:
    return {
        "names": [model.id for model in CLIENT.models.list()],
        "one": CLIENT.models.retrieve("solver").id,
        "unknown": _refusal(lambda: CLIENT.models.retrieve("no-such-model")),
    }


def request_id() -> dict[str, Any]:
    raw = CLIENT.chat.completions.with_raw_response.create(**ASK)
    return {
        "header": raw.headers["x-request-id"],
        "property": raw.parse()._request_id,
        "variant": raw.headers["x-headgate-variant"],
        "route": raw.headers["x-headgate-route"],
    }


if __name__ == "__main__":
    cases = (chat, stream, stream_with_usage, bad_key, unknown_model, models, request_id)
    print(json.dumps({"version": openai.__version__, **{case.__name__: case() for case in cases}}))
