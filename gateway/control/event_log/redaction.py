"""Redaction: what the operator wants in no file is replaced before anything is written.

RE2 and not `re`: prompts are anybody's words, and a pattern that takes exponential time for some of them
would stop the control plane. RE2's time is linear in the text, whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from config.server import compile_redaction

REDACTED = "[redacted]"


class Redaction:
    """The patterns of `capture.redact`; false when there are none."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._replace = [compile_redaction(pattern).sub for pattern in patterns]

    def __bool__(self) -> bool:
        return bool(self._replace)

    def of_text(self, text: str) -> str:
        """`text` with everything that a pattern matches replaced."""
        for replace in self._replace:
            text = replace(REDACTED, text)
        return text

    def of_value(self, value: object) -> object:
        """A JSON value with the same done to every text in it: keys too, and numbers, which may be cards'."""
        if isinstance(value, str):
            return self.of_text(value)
        if isinstance(value, dict):
            return {self.of_text(str(key)): self.of_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of_value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = msgspec.json.encode(value).decode()
            kept = self.of_text(written)
            return value if kept == written else kept
        return value
