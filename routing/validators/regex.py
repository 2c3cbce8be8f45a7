"""`regex`: a regular expression is found in the answer, or matches the whole of it."""

from __future__ import annotations

import re
from typing import Literal

from routing.validators.verdict import Failed, Passed, Reason


class Regex:
    """Python's syntax. An expression may take exponential time: whoever runs this must be able to end it."""

    def __init__(self, pattern: str, match: Literal["full", "search"] = "search") -> None:
        compiled = re.compile(pattern)
        self._match = compiled.fullmatch if match == "full" else compiled.search

    def check(self, text: str) -> Passed | Failed:
        """Whether the expression matches `text`, which is taken as it is, line ends and all."""
        return Failed(Reason.NO_MATCH) if self._match(text) is None else Passed()
