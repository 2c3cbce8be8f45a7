from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from routing.validators.json_schema import JsonSchema
from routing.validators.verdict import Failed, Passed, Reason

ORDER = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1}},
    "required": ["items"],
    "additionalProperties": False,
    "$defs": {"item": {"type": "object", "properties": {"메뉴": {"type": "string"}}, "required": ["메뉴"]}},
}
MISMATCH = Failed(Reason.SCHEMA_MISMATCH)


def validator(schema: object) -> JsonSchema:
    return JsonSchema(json.dumps(schema))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"items": [{"메뉴": "냉면"}]}', Passed()),
        ('\n{"items": [{"메뉴": "냉면"}]}\n', Passed()),
        ('{"items": []}', MISMATCH),
        ('{"items": [{}]}', MISMATCH),
        ('{"items": [{"메뉴": 1}]}', MISMATCH),
        ('{"items": [{"메뉴": "냉면"}], "note": ""}', MISMATCH),
        ("[]", MISMATCH),
        ("null", MISMATCH),
        ('{"items"', Failed(Reason.NOT_JSON)),
        ('```json\n{"items": [{"메뉴": "냉면"}]}\n```', Failed(Reason.FENCED)),
    ],
)
def test_an_answer_passes_when_the_schema_accepts_it(text: str, verdict: object) -> None:
    assert validator(ORDER).check(text) == verdict


def test_without_a_draft_it_is_2020_12() -> None:
    prefixed = {"prefixItems": [{"type": "string"}]}
    assert validator(prefixed).check("[1]") == MISMATCH
    seventh = {"$schema": "http://json-schema.org/draft-07/schema#"}
    assert validator(prefixed | seventh).check("[1]") == Passed()


def test_formats_decide_where_the_draft_says_so() -> None:
    written = {"format": "date"}
    assert validator(written).check('"tomorrow"') == Passed()
    seventh = {"$schema": "http://json-schema.org/draft-07/schema#"}
    assert validator(written | seventh).check('"tomorrow"') == MISMATCH


@pytest.mark.parametrize(("text", "verdict"), [("1.0", Passed()), (str(2**80), Passed()), ("1.5", MISMATCH)])
def test_whole_numbers_may_be_large(text: str, verdict: object) -> None:
    assert validator({"type": "integer"}).check(text) == verdict


def test_schemas_may_refer_to_themselves() -> None:
    nested = validator({"type": "array", "items": {"$ref": "#"}})
    assert nested.check("[" * 1000 + "]" * 1000) == Passed()
    assert nested.check("[" * 1000 + "1" + "]" * 1000) == MISMATCH


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "URL"},
        {"$dynamicRef": "URL#a"},
        {"$schema": "URL"},
        {"$id": "URL", "$ref": "other"},
        {"$defs": {"a": {"$ref": "URL"}}},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "order.json"},
        {"$ref": "#/$defs/none"},
    ],
)
def test_nothing_is_fetched(schema: object, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    with pytest.raises(ValueError):
        JsonSchema(json.dumps(schema).replace("URL", url))
    with pytest.raises(TimeoutError):
        listener.accept()


def test_the_drafts_themselves_are_at_hand() -> None:
    schema = validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})
    assert schema.check('{"type": "string"}') == Passed()
    assert schema.check('{"type": "text"}') == MISMATCH
