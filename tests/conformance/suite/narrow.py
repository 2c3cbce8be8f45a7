"""OpenAI's document, narrowed to the gateway: its endpoints, its models, and errors of its shape."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ENDPOINTS = {
    "/models": "get",
    "/models/{model}": "get",
    "/chat/completions": "post",
    "/completions": "post",
    "/embeddings": "post",
    "/responses": "post",
}
"""What is checked: path → method."""
EVENTS = "text/event-stream"
ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": {"type": "string", "minLength": 1},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}


_STREAMED = ("finish_reason", {"type": "null"})
AMENDED = (
    # With `encoding_format: base64`, which the clients ask for, a vector is a text.
    (("Embedding",), "embedding", {"type": "string"}),
    # A stream of completions says null until the last of its chunks.
    (("CompletionChoice",), *_STREAMED),
    (("CreateCompletionResponse", "properties", "choices", "items"), *_STREAMED),
)
"""What OpenAI answers and its specification forgets: where a schema is, a property, another type of it."""


def read(document: Path) -> dict[str, Any]:
    """The document of a JSON or YAML file, amended."""
    loaded = yaml.load(document.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    whole: dict[str, Any] = json.loads(json.dumps(loaded, default=str))  # YAML's dates are text in JSON
    for place, name, kind in AMENDED:
        schema: dict[str, Any] = whole["components"]["schemas"]
        for step in place:
            schema = schema.get(step, {})
        if name in schema.get("properties", {}):
            schema["properties"][name] = {"anyOf": [schema["properties"][name], kind]}
    return whole


def narrowed(whole: Mapping[str, Any], model: str, *, answers: bool) -> dict[str, Any]:
    """The document with these endpoints only, every request for `model`, errors of OpenAI's shape.

    Without `answers` those of status 200 are not described: what an upstream makes of a broken request is its
    own affair.
    """
    paths = {
        path: {method: _operation(copy.deepcopy(whole["paths"][path][method]), model, answers)}
        for path, method in ENDPOINTS.items()
    }
    return {**whole, "paths": paths, "security": []}


def event_schema(whole: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The JSON Schema of the data of each event of the path's streams."""
    content = whole["paths"][path][ENDPOINTS[path]]["responses"]["200"]["content"]
    described = content.get(EVENTS) or content["application/json"]
    return {**described["schema"], "components": whole["components"]}


def _operation(entry: dict[str, Any], model: str, answers: bool) -> dict[str, Any]:
    only = {"type": "string", "enum": [model]}
    for parameter in entry.get("parameters", []):
        if parameter["name"] == "model":
            parameter["schema"] = only
    for content in entry.get("requestBody", {}).get("content", {}).values():
        asks = {"properties": {"model": only}, "required": ["model"]}
        content["schema"] = {"allOf": [content["schema"], asks]}
    answer = entry["responses"]["200"] if answers else {"description": "done"}
    # Its schema is that of an event's data; schemathesis would take it for that of the event.
    answer.get("content", {}).get(EVENTS, {}).pop("schema", None)
    refusal = {"description": "an error", "content": {"application/json": {"schema": ERROR}}}
    entry["responses"] = {"200": answer, "default": refusal}
    return entry
