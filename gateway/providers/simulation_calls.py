"""What a simulated model makes of tools and schemas: calls of functions, and the least that fits a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 16
"""Levels of a schema that are filled in."""
_EMPTY: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that may be called; `schema` describes its arguments."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function."""

    id: str
    name: str
    arguments: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The arguments as OpenAI sends them."""
        return json.dumps(self.arguments, ensure_ascii=False)


def instance(schema: Any, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """The least that fits a JSON Schema, as far as a model would take it; local references are followed."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return {}
    root = schema if root is None else root
    if isinstance(schema.get("$ref"), str):
        return instance(_referred(root, schema["$ref"]), root, depth + 1)
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return instance(schema[name][0], root, depth + 1)
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "object"
    kind = str(kind).lower()  # Gemini writes STRING
    if kind == "object":
        properties = schema.get("properties") or {}
        wanted = schema.get("required") or list(properties)
        return {name: instance(properties.get(name), root, depth + 1) for name in wanted}
    if kind == "array":
        least = max(int(schema.get("minItems", 1)), 1)
        return [instance(schema.get("items"), root, depth + 1) for _ in range(min(least, 10))]
    return _EMPTY.get(kind)


def _referred(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def openai_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The functions that a request in one of OpenAI's formats lets the model call."""
    choice = body.get("tool_choice")
    tools = [
        Tool(str(function.get("name")), function.get("parameters") or {})
        for tool in _objects(body.get("tools"))
        if (function := _function(tool))
    ]
    if choice == "none":
        return ()
    if isinstance(choice, Mapping) and (chosen := _function(choice)):
        return tuple(tool for tool in tools if tool.name == chosen.get("name"))
    return tuple(tools)


def _function(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """A function as chat writes it, within, or as the Responses API does, flat; empty: it is none."""
    within = holder.get("function")
    if isinstance(within, Mapping):
        return within
    return holder if holder.get("type") == "function" else {}


def gemini_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The same of a request in Gemini's format."""
    tools = [
        Tool(
            str(function.get("name")),
            function.get("parameters") or function.get("parametersJsonSchema") or {},
        )
        for tool in _objects(body.get("tools"))
        for function in _objects(either(tool, "functionDeclarations"))
    ]
    config = either(body, "toolConfig")
    calling = either(config, "functionCallingConfig") if isinstance(config, Mapping) else None
    if not isinstance(calling, Mapping):
        return tuple(tools)
    if calling.get("mode") == "NONE":
        return ()
    allowed = either(calling, "allowedFunctionNames")
    return tuple(tool for tool in tools if not isinstance(allowed, list) or tool.name in allowed)


def either(holder: Mapping[str, Any], name: str) -> Any:
    """A field under its name or, as Google's API takes it too, under that name in snake case."""
    if name in holder:
        return holder[name]
    return holder.get("".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name))


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
