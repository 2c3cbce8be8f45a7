"""Outcomes that applications report: read here, handed to the control plane, answered when they are durable.

The one thing in the data plane that waits for storage, and not for long. What a control plane that dies has
left unanswered is handed in again under the same id, so that it counts once whichever of the two wrote it
down.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from gateway.channel.outcomes import Handed, Receipts, Reported, encode
from gateway.data.errors import GatewayError, InvalidRequest, Unwritten
from gateway.data.questions import Questions
from routing.request_id import is_spelled

LARGEST = 1_000
"""Reports in one request."""
MAX_ITEMS = 1_000_000
LONGEST_REASON = 256
"""Characters."""
FIELDS = frozenset(("request_id", "validation_passed", "needs_review", "score", "items", "reason"))


class Unread(NamedTuple):
    """One of many reports that makes no sense, and why; its id, if that is written as ids are."""

    request_id: str | None
    error: InvalidRequest


def read_reports(body: dict[str, Any]) -> tuple[Reported | Unread, ...]:
    """The outcomes of a request's body. Raises InvalidRequest."""
    if "outcomes" not in body:
        return (read_report(body),)
    for name in body:
        if name != "outcomes":
            raise InvalidRequest(f"{_shown(name)} does not go with 'outcomes'.", param=_shown(name))
    reports = body["outcomes"]
    if type(reports) is not list or not 1 <= len(reports) <= LARGEST:
        raise InvalidRequest(f"'outcomes' must be a list of 1 to {LARGEST} outcomes.", param="outcomes")
    return tuple(_read_one(report) for report in reports)


def _read_one(report: Any) -> Reported | Unread:
    if type(report) is not dict:
        return Unread(None, InvalidRequest("An outcome must be an object."))
    try:
        return read_report(report)
    except InvalidRequest as error:
        given = report.get("request_id")
        return Unread(given if type(given) is str and is_spelled(given) else None, error)


def read_report(report: dict[str, Any]) -> Reported:
    """One outcome. Raises InvalidRequest, naming the field."""
    for name, value in report.items():
        if name not in FIELDS:
            raise InvalidRequest("An outcome has a field that is not known.", param=_shown(name))
        if value is not None:
            _check(name, value)
    if report.get("request_id") is None:
        raise InvalidRequest("'request_id' must be an answer's x-request-id.", param="request_id")
    given = {name: value for name, value in report.items() if value is not None}
    if len(given) == 1:
        raise InvalidRequest(
            "An outcome must say something, such as 'validation_passed', 'needs_review' or 'score'.",
            param="validation_passed",
        )
    return Reported(**given)


def _check(name: str, value: Any) -> None:
    if name == "request_id":
        if type(value) is not str:
            raise InvalidRequest("'request_id' must be a string.", param=name)
    elif name == "score":
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise InvalidRequest("'score' must be a number from 0 to 1.", param=name)
    elif name == "items":
        if type(value) is not int or not 1 <= value <= MAX_ITEMS:
            raise InvalidRequest(f"'items' must be an integer from 1 to {MAX_ITEMS}.", param=name)
    elif name == "reason":
        if type(value) is not str or len(value) > LONGEST_REASON:
            raise InvalidRequest(
                f"'reason' must be a string of up to {LONGEST_REASON} characters.", param=name
            )
    elif type(value) is not bool:
        raise InvalidRequest(f"'{name}' must be true or false.", param=name)


def _shown(name: str) -> str | None:
    """A field's name as an error may tell it: the client's own words only where they are harmless."""
    return name if name.isidentifier() and name.isascii() and len(name) <= 64 else None


class Reports:
    """What has been handed to the control plane and is not answered yet.

    `send` gives it a message, or returns False when there is no room.
    """

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        self._questions: Questions[str, tuple[str, ...]] = Questions(send)

    async def hand_in(self, application: int, reports: tuple[Reported | Unread, ...]) -> tuple[str, ...]:
        """What became of each report, once that is durable. Raises Unwritten."""
        read = tuple(report if isinstance(report, Reported) else None for report in reports)
        handed = Handed(os.urandom(8).hex(), application, read)
        statuses = await self._questions.ask(handed.id, encode(handed))
        if not statuses:
            raise Unwritten
        return statuses

    def answered(self, receipts: Receipts) -> None:
        """The control plane has written some down, or said that it cannot."""
        self._questions.answered(receipts.id, receipts.statuses)

    def again(self) -> None:
        """There is another control plane: what its predecessor left unanswered is handed in again."""
        self._questions.again()


def receipts(reports: tuple[Reported | Unread, ...], statuses: tuple[str, ...], *, single: bool) -> bytes:
    """What the client is told of each report. Raises Refused for a single one that did not count."""
    data: list[dict[str, object]] = [
        {"request_id": report.request_id, "status": status}
        for report, status in zip(reports, statuses, strict=True)
    ]
    body: dict[str, object] = {"object": "list", "data": data}
    if single and statuses[0] in REFUSALS:
        raise Refused(body, statuses[0])
    for report, receipt in zip(reports, data, strict=True):
        if receipt["status"] == "invalid":
            error = report.error if isinstance(report, Unread) else Refused(body, "invalid")
            receipt["error"] = error.content()
    return orjson.dumps(body)


class Refused(GatewayError):
    """A single report that did not count; the body says so in both ways."""

    kind = "invalid_request_error"

    def __init__(self, body: dict[str, object], status: str) -> None:
        number, message = REFUSALS[status]
        super().__init__(message, param="request_id", code=f"outcome_{status}")
        self.status = number
        self.should_retry = False if number == 409 else None
        self._body = body

    def envelope(self) -> bytes:
        """The JSON body."""
        return orjson.dumps(orjson.loads(super().envelope()) | self._body)


REFUSALS = {
    "conflict": (409, "Another value was reported before; the request counts as failed."),
    "unknown": (404, "There is no such request of this application."),
    "expired": (410, "It is too late for an outcome of this request."),
    "invalid": (400, "'request_id' must be an answer's x-request-id."),
}
"""Status and message for a single report."""
