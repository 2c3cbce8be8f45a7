"""What can become of the check of an answer: passed, failed, or skipped, which is evidence of nothing.

Reasons are words of a closed set, fit for labels and logs: nothing of an answer is ever in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, Protocol


class Reason(StrEnum):
    """Why an answer failed, or why it was not judged."""

    # failed
    NOT_JSON = "not_json"
    FENCED = "fenced"  # no JSON by itself, but a fenced block
    SCHEMA_MISMATCH = "schema_mismatch"
    NOTHING_SELECTED = "nothing_selected"
    PATH_FAILED = "path_failed"  # the answer is nested too deeply for the path
    NOT_A_STRING = "not_a_string"
    NOT_IN_VALUES = "not_in_values"
    NO_MATCH = "no_match"
    NO_BLOCK = "no_block"
    SEVERAL_BLOCKS = "several_blocks"
    UNCLOSED_BLOCK = "unclosed_block"
    EMPTY_BLOCK = "empty_block"
    # skipped
    NO_TEXT = "no_text"  # a refusal, an error, or bytes that are no answer
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    QUEUE_FULL = "queue_full"
    CRASHED = "crashed"
    UNAVAILABLE = "unavailable"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Passed:
    """All that was asked of the answer holds."""

    passed: ClassVar[bool | None] = True
    result: ClassVar[Literal["passed", "failed", "skipped"]] = "passed"
    reason: ClassVar[Reason | None] = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that was asked of the answer does not hold."""

    reason: Reason
    passed: ClassVar[bool | None] = False
    result: ClassVar[Literal["passed", "failed", "skipped"]] = "failed"


@dataclass(frozen=True, slots=True)
class Skipped:
    """The answer was not judged."""

    reason: Reason
    passed: ClassVar[bool | None] = None
    result: ClassVar[Literal["passed", "failed", "skipped"]] = "skipped"


Verdict = Passed | Failed | Skipped
"""`result` is the label of metrics, `passed` the outcome: None when there is none."""


class Validator(Protocol):
    """A check of texts. It is made once, of its configured keys, and holds nothing that changes."""

    def check(self, text: str) -> Passed | Failed:
        """Judges one answer; whatever the text, it raises nothing."""
        ...
