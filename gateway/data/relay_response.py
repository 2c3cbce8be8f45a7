"""The streams of the Responses API: typed events, of which the last carries the whole response.

No `[DONE]` ends them but an event that says how the response ended. Usage is in it, unasked.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from gateway.data.answer import broke_down
from gateway.data.answer_shapes import Anything
from gateway.data.errors import UpstreamError
from gateway.data.relay import Relay, note_usage
from gateway.data.response_event import read_event
from gateway.sse import data_of, events
from routing.cost import usage_of
from routing.fallback import Result

_MATTERS: Final = re.compile(rb'"(?:response\.(?:completed|incomplete|failed|cancelled)|error)"').search
"""Within a text its quotes would be escaped."""
_NUMBER: Final = re.compile(rb'"sequence_number"\s*:\s*(\d{1,15})')


class ResponseRelay(Relay):
    """One stream of a response."""

    _number = -1

    def tell(self, message: str) -> None:
        """Ends a stream that broke off, with the API's error event; `error` is where clients look for one."""
        error = UpstreamError(message)
        event: dict[str, Any] = {
            "type": "error", "code": error.code, "message": message, "param": None,
            "sequence_number": self._number + 1, "error": error.content(),
        }  # fmt: skip
        self._request.write(b"event: error\ndata: " + orjson.dumps(event) + b"\n\n")
        self._request.end()
        self._request.keep_alive = False

    def _ends(self, rest: bytes) -> bool:
        data = data_of(rest)
        event = read_event(data) if data is not None else None
        return event is not None and event.last

    def _relayed(self, block: bytes) -> None:
        self._attempt.events += block.count(b'.delta"')
        numbers = _NUMBER.findall(block)
        if numbers:
            self._number = int(numbers[-1])
        if self._captured is not None:
            self._captured.add(block)

    def _sift(self, block: bytes) -> bytes:
        if not _MATTERS(block):
            return block
        kept = []
        for event in events(block):
            data = data_of(event)
            if data is not None and _MATTERS(data) and not self._look_at(data):
                break
            kept.append(event)
            if self._done:
                break
        return b"".join(kept)

    def _look_at(self, data: bytes) -> bool:
        """Notes usage and the end; false for an error, which the client is told of in our own words."""
        event = read_event(data)
        if event is None:
            return True
        if event.type == "error" or event.error:
            self._failed = True
            return False
        if event.last:
            self._done = True
            self._end(event.type, event.response or Anything())
        return True

    def _end(self, kind: str, response: Anything) -> None:
        """The last event: a response that failed is relayed as it is, and counts as what it is."""
        usage = usage_of(response.usage)
        if usage is not None:
            note_usage(self._account, self._attempt.variant, usage)
        if kind == "response.failed":
            broken = broke_down(response.error)
            self._attempt.result = Result.BROKEN if broken else Result.REJECTED
            self._account.status = "upstream_error" if broken else "client_error"
