"""`json_schema`: the answer is JSON that a schema accepts."""

from __future__ import annotations

from typing import NoReturn

import jsonschema_rs

from routing.validators.document import NotJson, document_of
from routing.validators.verdict import Failed, Passed, Reason


def _refuse(uri: str) -> NoReturn:
    """Left alone, the library would fetch what a `$ref` points to: files and URLs."""
    raise ValueError("only references within the schema are followed")


class JsonSchema:
    """`schema` is a JSON Schema as text: of draft 2020-12, unless its `$schema` names another one."""

    def __init__(self, schema: str) -> None:
        self._schema = jsonschema_rs.validator_for(schema, retriever=_refuse)

    def check(self, text: str) -> Passed | Failed:
        """Whether the schema accepts `text`."""
        try:
            document = document_of(text)
        except NotJson as error:
            return Failed(error.reason)
        return Passed() if self._schema.is_valid(document) else Failed(Reason.SCHEMA_MISMATCH)
