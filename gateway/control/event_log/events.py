"""What the event log says of a request and of an outcome: a JSON object, whose fields keep their types.

Names are those of `GET /admin/v1/requests/{request_id}`. A field is there with every event of its type, null
when there is nothing to say, but for `prompt` and `answer`, which are there when content is captured, and
`features`, when those are. The first two are text, so that a column of them has one type; what is not text is
written as the JSON text that it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.control.event_log.redaction import Redaction

LARGEST = 1024 * 1024
"""Bytes of a prompt or of an answer; a larger one is left out, since half a prompt is no use to anybody."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was asked and what was answered, as text or as any JSON value; None: unknown.

    `features` are the prompt's as JSON; empty: none.
    """

    prompt: object
    answer: object
    features: bytes = b""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose outcome it is, by name."""

    application: str | None = None
    route: str | None = None
    segment: str | None = None
    variant: str | None = None


NOWHERE = Place()
"""Of what is not configured any more."""


class LineEvent(msgspec.Struct, tag_field="type", tag="exposure", gc=False):
    """What an exposure has in common with others; `probability` is that of the assigned variant."""

    application: str
    route: str
    segment: str
    variant: str
    served: str
    reason: str
    probability: float | None
    epoch: int
    period: int
    reference: int
    compared: str
    stratum: str
    status: str
    wants_outcome: bool
    endpoint: str


class ExposureEvent(msgspec.Struct, gc=False):
    """A routed request, at its end; its line says the rest. Seconds, USD, tokens; `unit` is 16 hex digits."""

    request: str
    time: str
    unit: str
    duration: float
    first_token: float | None
    attempts: int
    input: int
    cached_input: int
    output: int
    reasoning: int
    cost: float | None
    items: int
    prompt: str | None | msgspec.UnsetType = msgspec.UNSET
    answer: str | None | msgspec.UnsetType = msgspec.UNSET
    features: msgspec.Raw | None | msgspec.UnsetType = msgspec.UNSET


class OutcomeEvent(msgspec.Struct, tag_field="type", tag="outcome", gc=False):
    """One report about a request, in the order in which they counted."""

    request: str
    time: str
    application: str | None
    route: str | None
    segment: str | None
    variant: str | None
    source: str
    status: str
    validation_passed: bool | None
    needs_review: bool | None
    score: float | None
    items: int | None
    remark: str | None = msgspec.field(name="reason")


def content_text(content: object, redaction: Redaction) -> str | None:
    """A prompt or an answer as it is written; None when there is none, or too much of it."""
    if content is None:
        return None
    try:
        text = _text(content)
        if len(text) > LARGEST or len(text.encode()) > LARGEST:
            return None
        return _text(redaction.of_value(content)) if redaction else text
    except RecursionError:  # hundreds of levels deep: nobody's prompt
        return None


def _text(content: object) -> str:
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()
