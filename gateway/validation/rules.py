"""From a route's configuration to what the validating child is told."""

from __future__ import annotations

import json
from typing import Any

from config.files import Document
from config.routes import Route
from gateway.validation.wire import Rule, Rules


def rules_of(route: Route) -> Rules:
    """The route's validators, as plain data. Compile them once: `Rules` are recognised by their bytes."""
    return Rules.of(
        Rule(
            validator.type,
            {
                info.alias or name: _plain(getattr(validator, name))
                for name, info in type(validator).model_fields.items()
                if name != "type"
            },
        )
        for validator in route.validators
    )


def _plain(value: Any) -> Any:
    """Schemas travel as text: msgpack has no numbers of their length."""
    return json.dumps(value.content) if isinstance(value, Document) else value
