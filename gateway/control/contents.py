"""Prompts and answers that wait for the exposure of their request: it comes a little later, with others."""

from __future__ import annotations

import orjson

from gateway.channel.answers import Answered
from gateway.control.event_log.events import Content
from routing.validators.answer import answer_text

KEPT = 64 * 1024 * 1024
"""Bytes that wait at most; the oldest go first."""
FIELDS = ("messages", "prompt", "input")
"""Where a request's body has what was asked."""


class Contents:
    """By the requests' nonces."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Answered] = {}
        self._bytes = 0

    def add(self, answer: Answered) -> None:
        """A request has been answered."""
        self._waiting[answer.nonce] = answer
        self._bytes += _size(answer)
        while self._bytes > KEPT:
            self._forget(next(iter(self._waiting)))

    def of(self, nonce: bytes) -> Content | None:
        """What was asked and answered, once; None: not known."""
        answer = self._forget(nonce)
        if answer is None:
            return None
        text = answer_text(answer.body) if answer.body else None
        return Content(_asked(answer.prompt), text if isinstance(text, str) else None, answer.features)

    def _forget(self, nonce: bytes) -> Answered | None:
        answer = self._waiting.pop(nonce, None)
        if answer is not None:
            self._bytes -= _size(answer)
        return answer


def _size(answer: Answered) -> int:
    return len(answer.body) + len(answer.prompt) + len(answer.features)


def _asked(body: bytes) -> object:
    try:
        request = orjson.loads(body)
    except ValueError:
        return None
    return next((request[name] for name in FIELDS if name in request), None)
