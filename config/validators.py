"""Validators: the checks of a response's content that the gateway makes itself."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, NoReturn

import jsonschema_rs
from jsonpath import JSONPathEnvironment, JSONPathError
from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag

from config.files import Document, JsonDocument
from config.model import Many, Model, Text


class Json(Model):
    """The answer is one JSON value."""

    type: Literal["json"]


def _refuse(uri: str) -> NoReturn:
    raise ValueError("only references within the schema are followed")


def _schema(document: Document) -> Document:
    try:
        jsonschema_rs.validator_for(json.dumps(document.content, allow_nan=False), retriever=_refuse)
    except jsonschema_rs.ValidationError as error:
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
            raise ValueError(
                "refers to what is not in it: every `$ref` must point into the schema itself, like "
                "`#/$defs/item`, and `$schema` must name a draft from 4 to 2020-12"
            ) from None
        place = "".join(f"/{part}" for part in error.instance_path)
        raise ValueError(f"is not a JSON Schema: see `#{place}` in it") from None
    except (ValueError, RecursionError):
        raise ValueError(
            "is not a JSON Schema: it is nested too deeply, or holds a number or text that JSON does not have"
        ) from None
    return document


class JsonSchema(Model):
    """The answer is JSON that a schema accepts: a file's, or one written in place."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: Literal["json_schema"]
    schema_: Annotated[JsonDocument, AfterValidator(_schema)] = Field(alias="schema")


_RFC_9535 = JSONPathEnvironment(strict=True)


def _path(value: str) -> str:
    if not value.startswith("$"):
        raise ValueError("must be a JSONPath, which begins with `$`")
    try:
        _RFC_9535.compile(value)
    except (JSONPathError, RecursionError) as error:
        token = getattr(error, "token", None)  # the end of the path has no position
        place = f"; see its character {token.index + 1}" if token is not None and token.index >= 0 else ""
        raise ValueError(f"is not a JSONPath (RFC 9535){place}") from None
    return value


class OneOf(Model):
    """The answer, or what `path` selects of it, is one of `values`."""

    type: Literal["one_of"]
    values: Annotated[Many[Text], Field(min_length=1)]
    path: Annotated[str, AfterValidator(_path)] | None = None
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


def _word(value: str) -> str:
    if len(value.split()) != 1 or value != value.strip():
        raise ValueError("must be one word, as it stands behind the fence")
    return value


class CodeBlock(Model):
    """The answer holds exactly one non-empty fenced block of `language`."""

    type: Literal["code_block"]
    language: Annotated[str, AfterValidator(_word)]


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
