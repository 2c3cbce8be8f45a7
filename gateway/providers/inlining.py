"""JSON Schemas with their references written out, within bounds.

Where a provider knows no `$ref`, litellm writes them out, which a small schema can make it do for hours:
thirty definitions that refer to the next one twice are a kilobyte, and a billion nodes. Here every node is
counted, and what comes out refers to nothing. Pure.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from gateway.providers.translation_parts import Unfit, object_of

LARGEST = 20_000
"""Nodes of all schemas of a request; litellm takes some 13 µs for each."""
DEEPEST = 64

_DEFINITIONS = frozenset(("$defs", "definitions"))
_NAMED = frozenset(("properties", "patternProperties", "dependentSchemas"))
"""Keywords whose value maps names to schemas: no keywords below them."""
_DATA = frozenset(("enum", "const", "default", "examples", "example", "required"))
"""Keywords whose value is no schema."""


class Inlining:
    """Writes out the schemas of one request, counting their nodes together."""

    def __init__(self) -> None:
        self._nodes = 0
        self._root: dict[str, Any] = {}
        self._path = ""

    def of(self, schema: Any, path: str) -> dict[str, Any]:
        """The schema at `path` of the request, without references; a circle is followed once around.

        Raises Unfit when it is too much, or refers to what is not in it.
        """
        self._root = object_of(schema, path)
        self._path = path
        return self._object(self._root, ("#",), 0)

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if self._nodes > LARGEST or depth > DEEPEST:
            raise Unfit(self._path, "The JSON Schema is too large or too deep for this route's upstream.")

    def _schema(self, node: Any, within: tuple[str, ...], depth: int) -> Any:
        """A node where a schema may stand, below the references `within`."""
        if type(node) is dict:
            return self._object(node, within, depth)
        self._count(depth)
        if type(node) is list:
            return [self._schema(item, within, depth + 1) for item in node]
        return node

    def _object(self, node: dict[str, Any], within: tuple[str, ...], depth: int) -> dict[str, Any]:
        self._count(depth)
        written: dict[str, Any] = {}
        reference = node.get("$ref")
        if reference is not None and reference not in within:
            written = self._object(self._target(reference), (*within, reference), depth + 1)
        for name, value in node.items():
            if name == "$ref" or name in _DEFINITIONS:
                continue
            if name in _NAMED and type(value) is dict:
                self._count(depth)
                written[name] = {key: self._schema(it, within, depth + 1) for key, it in value.items()}
            elif name in _DATA:
                written[name] = self._data(value, depth + 1)
            else:
                written[name] = self._schema(value, within, depth + 1)
        return written

    def _data(self, value: Any, depth: int) -> Any:
        """A value that is copied as it is."""
        self._count(depth)
        if type(value) is dict:
            return {name: self._data(item, depth + 1) for name, item in value.items()}
        if type(value) is list:
            return [self._data(item, depth + 1) for item in value]
        return value

    def _target(self, reference: Any) -> dict[str, Any]:
        """What a reference means: a JSON Pointer into the schema itself."""
        target: Any = self._root
        if type(reference) is not str or not (reference == "#" or reference.startswith("#/")):
            target = None
        else:
            for step in reference.split("/")[1:]:
                key = unquote(step).replace("~1", "/").replace("~0", "~")
                target = target.get(key) if type(target) is dict else None
        if type(target) is not dict:
            raise Unfit(self._path, "The JSON Schema refers to something that is not in it.")
        return target
