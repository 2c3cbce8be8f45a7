"""What pydantic found wrong, in our words: where it stands, and what to do. Values are never echoed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from config.conditions import UNKNOWN_KEY
from config.document import Node
from config.problems import KeyPath
from config.schema import Config

_MESSAGES: Mapping[str, str] = {
    "missing": "is required",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "none_required": "must be left empty",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "literal_error": "must be {expected}",
    "too_short": "needs at least {min_length} of them",
    "string_too_short": "must not be empty",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is required: it says which kind this is",
}

_TAGGED = frozenset({"union_tag_invalid", "union_tag_not_found"})


@dataclass(frozen=True, slots=True)
class Mistake:
    """What one error means: the node to take out, the path it is told at, and the message."""

    node: Node
    path: KeyPath
    message: str


def understand(error: ErrorDetails, root: Node) -> Mistake | None:
    """What an error means for the tree that was validated; None if it only follows from another one."""
    kind, loc = error["type"], error["loc"]
    trail = walk(root, loc)
    node = trail[-1]
    if kind == "default_factory_not_called" or (kind == "too_short" and node.value):
        return None
    if kind == "missing":
        return Mistake(node, (*node.path, loc[-1]), _MESSAGES[kind])
    if kind in _TAGGED and isinstance(node.value, dict):
        tag = "type" if "validators" in node.path else "provider"
        return Mistake(node, (*node.path, tag), _message(error))
    if kind == "extra_forbidden" or (kind == "value_error" and str(_cause(error)) == UNKNOWN_KEY):
        return Mistake(node, node.path, _unknown(loc))
    return Mistake(node, node.path, _message(error))


def walk(root: Node, loc: Sequence[int | str]) -> list[Node]:
    """The nodes along `loc`, whose parts that are no keys (the tags of unions) are skipped."""
    trail = [root]
    for part in loc:
        child = trail[-1].child(part)
        if child is not None:
            trail.append(child)
    return trail


def _message(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(_cause(error))
    template = _MESSAGES.get(error["type"], "is not valid here")
    return template.format_map(error.get("ctx", {}))


def _cause(error: ErrorDetails) -> object:
    return error.get("ctx", {}).get("error", "")


def _unknown(loc: tuple[int | str, ...]) -> str:
    key = next((part for part in reversed(loc) if isinstance(part, str) and part != "[key]"), "")
    near = get_close_matches(key, sorted(_known_keys(loc[:-1])), n=1)
    return f"is an unknown key; did you mean `{near[0]}`?" if near else "is an unknown key"


def _known_keys(loc: tuple[int | str, ...]) -> set[str]:
    """The keys of whatever models may stand at `loc`."""
    models: set[type[BaseModel]] = {Config}
    for part in loc:
        below = {model for above in models for model in _models(_fields(above).get(str(part)))}
        models = below or models
    return {key for model in models for key in _fields(model)}


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _models(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models(part)}
