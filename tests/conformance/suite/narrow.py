"""OpenAI's document, narrowed to the gateway: its endpoints, its models, and errors of its shape."""

from __future__ import annotations

import copy
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


def read(document: Path) -> dict[str, Any]:
    """The document of a JSON or YAML file."""
    whole: dict[str, Any] = yaml.load(document.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return whole


def narrowed(whole: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The document with these endpoints only, every request for `model`, every other answer an error."""
    paths = {
        path: {method: _operation(copy.deepcopy(whole["paths"][path][method]), model)}
        for path, method in ENDPOINTS.items()
    }
    return {**whole, "paths": paths, "security": []}


def event_schema(whole: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The JSON Schema of the data of each event of the path's streams."""
    content = whole["paths"][path][ENDPOINTS[path]]["responses"]["200"]["content"]
    return {**content[EVENTS]["schema"], "components": whole["components"]}


def _operation(entry: dict[str, Any], model: str) -> dict[str, Any]:
    only = {"type": "string", "enum": [model]}
    for parameter in entry.get("parameters", []):
        if parameter["name"] == "model":
            parameter["schema"] = only
    for content in entry.get("requestBody", {}).get("content", {}).values():
        asks = {"properties": {"model": only}, "required": ["model"]}
        content["schema"] = {"allOf": [content["schema"], asks]}
    refusal = {"description": "an error", "content": {"application/json": {"schema": ERROR}}}
    # Its schema is that of an event's data; schemathesis would take it for that of the event.
    entry["responses"]["200"].get("content", {}).get(EVENTS, {}).pop("schema", None)
    entry["responses"] = {**entry["responses"], "default": refusal}
    return entry
