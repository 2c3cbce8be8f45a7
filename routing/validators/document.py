"""An answer as JSON, as the validators that want JSON read it."""

from __future__ import annotations

from typing import Any

import orjson

from routing.validators.verdict import Reason

_FENCES = ("```", "~~~")


class NotJson(Exception):
    """A text that is not one JSON value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def document_of(text: str) -> Any:
    """The one JSON value that `text` is, white space around it aside. Raises NotJson.

    As strict as RFC 8259 lets a reader be: no NaN, no lone surrogates, no BOM, no second value, no comments,
    at most 1024 levels. JSON within a Markdown fence is no JSON, since a program that parses the answer
    would stumble over it; it has a reason of its own because models do it so often.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        fenced = text.lstrip().startswith(_FENCES)
        raise NotJson(Reason.FENCED if fenced else Reason.NOT_JSON) from None
