"""The configuration's JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaSerializer, core_schema

from config.schema import Config


class _Written(GenerateJsonSchema):
    """Tells defaults as people write them: `30s`, not 30.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        told = super().default_schema(schema)
        if isinstance(told.get("default"), int | float):
            told["default"] = SchemaSerializer(schema["schema"]).to_python(told["default"], mode="json")
        return told


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file, before `${VAR}` is expanded in it."""
    schema = Config.model_json_schema(schema_generator=_Written)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Headgate", **schema}
