"""Drives a gateway with langchain-openai: URL and key as arguments, a JSON report on stdout."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import openai
from langchain_openai import ChatOpenAI

URL, KEY = sys.argv[1:]
QUESTION = "Write a program that adds two numbers."


def _model(key: str = KEY, name: str = "solver") -> ChatOpenAI:
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


def _refusal(model: ChatOpenAI) -> dict[str, Any]:
    try:
        model.invoke(QUESTION)
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
    return _refusal(_model(key="hg_nobody"))


def unknown_model() -> dict[str, Any]:
    return _refusal(_model(name="no-such-model"))


if __name__ == "__main__":
    cases = (chat, stream, stream_with_usage, bad_key, unknown_model)
    print(json.dumps({"version": version("langchain-openai"), **{case.__name__: case() for case in cases}}))
