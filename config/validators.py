"""Validators: the checks of a response's content that the gateway makes itself."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag

from config.files import JsonDocument
from config.model import Many, Model, Text


class Json(Model):
    """The answer is one JSON value."""

    type: Literal["json"]


class JsonSchema(Model):
    """The answer is JSON that a schema accepts: a file's, or one written in place."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["json_schema"]
    schema_: JsonDocument = Field(alias="schema")


class OneOf(Model):
    """The answer, or what `path` selects of it, is one of `values`."""

    type: Literal["one_of"]
    values: Annotated[Many[Text], Field(min_length=1)]
    path: Text | None = None
    trim: bool = True
    ignore_case: bool = False


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


class Regex(Model):
    """A regular expression is found in the answer, or matches the whole of it."""

    type: Literal["regex"]
    pattern: Annotated[str, AfterValidator(_expression)]
    match: Literal["full", "search"] = "search"


class CodeBlock(Model):
    """The answer holds exactly one non-empty fenced block of `language`."""

    type: Literal["code_block"]
    language: Text


VALIDATORS = ("json", "json_schema", "one_of", "regex", "code_block")


def _type(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


Validator = Annotated[
    Annotated[Json, Tag("json")]
    | Annotated[JsonSchema, Tag("json_schema")]
    | Annotated[OneOf, Tag("one_of")]
    | Annotated[Regex, Tag("regex")]
    | Annotated[CodeBlock, Tag("code_block")],
    Discriminator(_type),
]
