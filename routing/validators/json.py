"""`json`: the answer is one JSON value."""

from __future__ import annotations

from routing.validators.document import NotJson, document_of
from routing.validators.verdict import Failed, Passed


class Json:
    """Accepts any JSON value, a bare number or text too."""

    def check(self, text: str) -> Passed | Failed:
        """Whether `text` is JSON."""
        try:
            document_of(text)
        except NotJson as error:
            return Failed(error.reason)
        return Passed()
