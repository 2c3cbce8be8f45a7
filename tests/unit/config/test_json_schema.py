from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from config.json_schema import json_schema


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for child in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from nodes(child)


def test_it_is_whole() -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    references = {node["$ref"] for node in nodes(schema) if isinstance(node.get("$ref"), str)}
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}
    assert schema["required"] == ["upstreams", "routes"]


def test_unknown_keys_are_refused_everywhere_but_in_conditions() -> None:
    objects = {name: it for name, it in json_schema()["$defs"].items() if it.get("type") == "object"}
    assert [name for name, it in objects.items() if it["additionalProperties"] is not False] == ["When"]


def test_defaults_and_short_forms_are_told_as_people_write_them() -> None:
    definitions = json_schema()["$defs"]
    rollout = definitions["Rollout"]["properties"]
    assert (rollout["bake"]["default"], rollout["coverage"]["default"]) == ("3d", "80%")
    assert definitions["Limits"]["properties"]["body"]["default"] == "20MiB"
    assert definitions["Store"]["properties"]["url"]["default"] == "sqlite"
    assert {"type": "number", "minimum": 0, "maximum": 100} in rollout["stages"]["items"]["anyOf"]
    guardrail = definitions["Guardrails"]["properties"]["validation_passed"]
    assert guardrail["anyOf"] == [
        {"enum": ["off", "on"], "type": "string"},
        {"$ref": "#/$defs/Comparison"},
    ]
    assert "in" in definitions["NumberTest"]["properties"]


def test_no_secrets_mask_is_told_as_a_default() -> None:
    assert "****" not in json.dumps(json_schema())
