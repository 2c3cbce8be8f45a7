"""What Google says when something is wrong: finish reasons and error bodies, in the failure table's terms.

Gemini answers 200 where others answer an error: a call of a function that it could not write down, a prompt
that its filter withholds. Taken for answers, these would be served, counted as successes and promoted.
"""

from __future__ import annotations

import re
from math import ceil
from typing import Any, NamedTuple

import orjson

from gateway.providers.base import UpstreamFailure
from routing.fallback import Result

STOP, LENGTH = "stop", "length"
ENDS = {"STOP": STOP, "MAX_TOKENS": LENGTH}
"""Native reasons of an answer that is one, as OpenAI calls them."""

WITHHELD = frozenset(
    ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "ESCALATION",
     "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION")
)  # fmt: skip
"""Reasons of the content filter: the same model would refuse again, another one may not."""

FAILED = frozenset(
    ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE",
     "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "IMAGE_OTHER", "OTHER")
)  # fmt: skip
"""Reasons of an answer that came to nothing: the same question may well be answered the next time."""

_TOO_LONG = "exceeds the maximum number of tokens"
"""Of Google's message: `The input token count (N) exceeds the maximum number of tokens allowed (M).`"""
_DELAY = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?s")


def judge_finish(reason: str) -> None:
    """Raises UpstreamFailure when a native finish reason is one of no answer."""
    if reason in WITHHELD:
        raise UpstreamFailure(Result.FILTERED, reason)
    if reason in FAILED:
        raise UpstreamFailure(Result.SERVER_ERROR, reason)


class Refusal(NamedTuple):
    """A refusal as a client of OpenAI's API understands it.

    `wait` is the seconds that Google asks to wait, None when it does not say.
    """

    status: int
    body: bytes
    wait: int | None


def read_refusal(status: int, body: bytes, secret: str) -> Refusal:
    """What a response with an error status says, in OpenAI's envelope; `secret` is never in it.

    Google refuses a wrong key with 400, which would be the client's fault; here it is 401. A precondition
    (a country, a bill) is no fault of the client's either: 403. Of the rest only message and status word are
    kept: the details may repeat the key.
    """
    error = _error_of(body)
    details = error.get("details")
    reasons = [it for it in details if type(it) is dict] if type(details) is list else []
    word = error.get("status")
    if status == 400:
        if any(str(it.get("reason")).startswith("API_KEY_") for it in reasons):
            status = 401
        elif word == "FAILED_PRECONDITION":
            status = 403
    message = error.get("message")
    if type(message) is not str:
        message = "The model's upstream refused the request."
    envelope = {
        "message": _hidden(message, secret),
        "type": "invalid_request_error" if status < 500 else "upstream_error",
        "param": None,
        "code": _hidden(_code(error, message, word), secret),
    }
    return Refusal(status, orjson.dumps({"error": envelope}), _wait(reasons))


def _code(error: dict[str, Any], message: str, word: object) -> str | None:
    """OpenAI's code where it is given or known, which applications shorten prompts by; else the word."""
    code = error.get("code")
    if type(code) is str:
        return code
    if _TOO_LONG in message:
        return "context_length_exceeded"
    return word.lower() if type(word) is str else None


def _hidden(text: str | None, secret: str) -> str | None:
    return text.replace(secret, "***") if text and secret else text


def _error_of(body: bytes) -> dict[str, Any]:
    """The error object of a body, which on some paths is a list of one; empty when there is none."""
    try:
        parsed = orjson.loads(body)
    except ValueError:
        return {}
    if type(parsed) is list and parsed:
        parsed = parsed[0]
    error = parsed.get("error") if type(parsed) is dict else None
    return error if type(error) is dict else {}


def _wait(reasons: list[dict[str, Any]]) -> int | None:
    """Seconds of `RetryInfo`, rounded up."""
    for reason in reasons:
        delay = reason.get("retryDelay")
        found = _DELAY.fullmatch(delay) if type(delay) is str else None
        if found:
            return ceil(float(found[0][:-1]))
    return None
