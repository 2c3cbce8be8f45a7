"""OpenAI's API as an OpenAPI document, made of the installed `openai` package's own types; JSON on stdout.

The package is generated from OpenAI's OpenAPI file, which no package carries. Its response models and request
types hold what that file says, with two losses: a field that is nullable is not required here, and operations
are those of the table below.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Union

import openai
from openai import types
from openai.types import chat, responses
from openai.types.chat import completion_create_params, completion_list_params, completion_update_params
from openai.types.chat.completions import message_list_params
from openai.types.responses import (
    input_item_list_params,
    input_token_count_params,
    response_compact_params,
    response_create_params,
    response_retrieve_params,
)
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode


class Operation(NamedTuple):
    """One endpoint: its types, `None` where it has none. `many`: the answer is a list of them, by pages."""

    method: Literal["get", "post", "delete"]
    path: str
    answer: Any
    body: Any = None
    query: Any = None
    events: Any = None
    many: bool = False


COMPLETION = "/chat/completions/{completion_id}"
RESPONSE = "/responses/{response_id}"
OPERATIONS = (
    Operation("get", "/models", types.Model, many=True),
    Operation("get", "/models/{model}", types.Model),
    Operation("delete", "/models/{model}", types.ModelDeleted),
    Operation(
        "post",
        "/chat/completions",
        chat.ChatCompletion,
        completion_create_params.CompletionCreateParams,
        events=chat.ChatCompletionChunk,
    ),
    Operation(
        "get",
        "/chat/completions",
        chat.ChatCompletion,
        query=completion_list_params.CompletionListParams,
        many=True,
    ),
    Operation("get", COMPLETION, chat.ChatCompletion),
    Operation("post", COMPLETION, chat.ChatCompletion, completion_update_params.CompletionUpdateParams),
    Operation("delete", COMPLETION, chat.ChatCompletionDeleted),
    Operation(
        "get",
        f"{COMPLETION}/messages",
        chat.ChatCompletionStoreMessage,
        query=message_list_params.MessageListParams,
        many=True,
    ),
    Operation(
        "post",
        "/completions",
        types.Completion,
        types.CompletionCreateParams,
        events=types.Completion,
    ),
    Operation("post", "/embeddings", types.CreateEmbeddingResponse, types.EmbeddingCreateParams),
    Operation(
        "post",
        "/responses",
        responses.Response,
        response_create_params.ResponseCreateParams,
        events=responses.ResponseStreamEvent,
    ),
    Operation(
        "get",
        RESPONSE,
        responses.Response,
        query=response_retrieve_params.ResponseRetrieveParams,
        events=responses.ResponseStreamEvent,
    ),
    Operation("delete", RESPONSE, None),
    Operation("post", f"{RESPONSE}/cancel", responses.Response),
    Operation(
        "get",
        f"{RESPONSE}/input_items",
        responses.ResponseItem,
        query=input_item_list_params.InputItemListParams,
        many=True,
    ),
    Operation(
        "post",
        "/responses/compact",
        responses.CompactedResponse,
        response_compact_params.ResponseCompactParams,
    ),
    Operation(
        "post",
        "/responses/input_tokens",
        responses.input_token_count_response.InputTokenCountResponse,
        input_token_count_params.InputTokenCountParams,
    ),
)


class Fault(BaseModel):
    """What every error of the API says."""

    message: str
    type: str
    param: Union[str, None]  # noqa: UP007
    code: Union[str, None]  # noqa: UP007


class Refusal(BaseModel):
    """The body of every answer that is no success."""

    error: Fault


Key = tuple[int, str]
"""Which operation's type, and which of its types."""


def wanted() -> Iterator[tuple[Key, JsonSchemaMode, TypeAdapter[Any]]]:
    """Every type that the document needs a schema of."""
    for number, operation in enumerate(OPERATIONS):
        for part in ("answer", "body", "query", "events"):
            kind = getattr(operation, part)
            if kind is not None:
                yield (number, part), "validation", TypeAdapter(kind)
    yield (-1, "error"), "validation", TypeAdapter(Refusal)


def listed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a page of what `schema` describes."""
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": schema},
            "first_id": text,
            "last_id": text,
            "has_more": {"type": "boolean"},
        },
        "required": ["object", "data"],
    }


def parameters(path: str, query: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    """Those in the path and those of the query, each as any alternative of the query has it."""
    found: list[dict[str, Any]] = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for part in path.split("/")
        if part.startswith("{")
    ]
    choices: dict[str, list[dict[str, Any]]] = {}
    for alternative in query.get("anyOf", [query]):
        kind = components[alternative["$ref"].rpartition("/")[2]] if "$ref" in alternative else alternative
        for name, schema in kind.get("properties", {}).items():
            choices.setdefault(name, []).append(schema)
    for name, schemas in choices.items():
        found.append({"name": name, "in": "query", "schema": {"anyOf": schemas}})
    return found


def described(
    operation: Operation, schemas: dict[str, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    """One operation of the document."""
    content: dict[str, Any] = {}
    if "answer" in schemas:
        answer = listed(schemas["answer"]) if operation.many else schemas["answer"]
        content["application/json"] = {"schema": answer}
    if "events" in schemas:
        content["text/event-stream"] = {"schema": schemas["events"]}
    entry: dict[str, Any] = {
        "operationId": f"{operation.method} {operation.path}",
        "parameters": parameters(operation.path, schemas.get("query", {}), components),
        "responses": {
            "200": {"description": "done", "content": content},
            "default": {"$ref": "#/components/responses/Refusal"},
        },
    }
    if "body" in schemas:
        entry["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas["body"]}},
        }
    return entry


def document() -> dict[str, Any]:
    """The whole document."""
    made, definitions = TypeAdapter.json_schemas(wanted(), ref_template="#/components/schemas/{model}")
    components = definitions.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for number, operation in enumerate(OPERATIONS):
        schemas = {part: schema for ((index, part), _), schema in made.items() if index == number}
        entry = described(operation, schemas, components)
        paths.setdefault(operation.path, {})[operation.method] = entry
    refusal = made[(-1, "error"), "validation"]
    return {
        "openapi": "3.1.0",
        "info": {"title": f"openai {openai.__version__}, its types", "version": openai.__version__},
        "servers": [{"url": "http://127.0.0.1"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Refusal": {
                    "description": "an error",
                    "content": {"application/json": {"schema": refusal}},
                }
            },
        },
    }


if __name__ == "__main__":
    print(json.dumps(document(), indent=1))
