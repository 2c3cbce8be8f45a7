"""What can never judge an answer is told when the configuration is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.made import loaded, mistakes, small

UNRESOLVED = "schema: refers to what is not in it: every `$ref` must point into the schema itself"
INCOMPATIBLE = "schema: is not a JSON Schema: it is nested too deeply, or holds a number or text that JSON"


@pytest.mark.parametrize(
    ("validator", "told"),
    [
        ("type: one_of, values: [a], path: label", "path: must be a JSONPath, which begins with `$`"),
        ("type: one_of, values: [a], path: ''", "path: must be a JSONPath, which begins with `$`"),
        ("type: one_of, values: [a], path: 7", "path: must be text"),
        ("type: one_of, values: [a], path: '$.a['", "path: is not a JSONPath (RFC 9535)"),
        (
            "type: one_of, values: [a], path: '$.a.~b'",
            "path: is not a JSONPath (RFC 9535); see its character 5",
        ),
        (
            "type: one_of, values: [a], path: '$.a | $.b'",
            "path: is not a JSONPath (RFC 9535); see its character",
        ),
        ("type: one_of, values: [a], path: '$[?nope(@)]'", "path: is not a JSONPath (RFC 9535)"),
        (f"type: one_of, values: [a], path: '$[?{'(' * 2000}@]'", "path: is not a JSONPath (RFC 9535)"),
        ("type: code_block, language: ''", "language: must be one word"),
        ("type: code_block, language: visual basic", "language: must be one word"),
        ("type: code_block, language: ' py'", "language: must be one word"),
        ("type: json_schema, schema: {type: objekt}", "schema: is not a JSON Schema: see `#/type` in it"),
        (
            "type: json_schema, schema: {properties: {a: {pattern: '('}}}",
            "schema: is not a JSON Schema: see `#/p",
        ),
        ("type: json_schema, schema: {$ref: 'http://127.0.0.1:9/x'}", UNRESOLVED),
        ("type: json_schema, schema: {items: {$ref: item.json}}", UNRESOLVED),
        ("type: json_schema, schema: {$ref: '#/$defs/item'}", UNRESOLVED),
        ("type: json_schema, schema: {$schema: 'http://127.0.0.1:9/x'}", UNRESOLVED),
    ],
)
def test_what_no_validator_can_be_made_of_is_told(validator: str, told: str) -> None:
    (line,) = mistakes(small(f"variant: base\nvalidators:\n  - {{type: json}}\n  - {{{validator}}}"))
    assert line.startswith(f"12: routes.solver.validators[1].{told}")


@pytest.mark.parametrize("schema", ['{"a": NaN}', '{"a": "\\ud800"}', '{"items":' * 200 + "{}" + "}" * 200])
def test_a_schema_that_is_json_for_python_alone_is_told(schema: str, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text(schema)
    text = small("variant: base\nvalidators: [{type: json_schema, schema: order.json}]")
    (line,) = mistakes(text, base=tmp_path)
    assert line.startswith(f"10: routes.solver.validators[0].{INCOMPATIBLE}")


def test_schemas_of_older_drafts_and_with_references_of_their_own_are_taken() -> None:
    loaded(
        small("""
            variant: base
            validators:
              - {type: json_schema, schema: {$schema: "http://json-schema.org/draft-07/schema#"}}
              - {type: json_schema, schema: {items: {$ref: "#/$defs/item"}, $defs: {item: {type: string}}}}
              - {type: one_of, values: [a], path: "$[*]['라벨']"}
        """)
    )
