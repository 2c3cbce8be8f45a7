"""What Google's compatible endpoint leaves out of streamed tool calls: their numbers, and how they end.

Clients put calls together by `index`, which Google's deltas do not have, and call tools when an answer ends
with `tool_calls`, where Google says `stop`. Both are put right; every other value stays byte for byte as it
came.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.sse import Splitter, data_of, events

Fields = dict[str, msgspec.Raw]
"""An object of which only a few fields are looked at; the others are written as they were read."""
_fields = msgspec.json.Decoder(Fields | None).decode
_objects = msgspec.json.Decoder(list[Fields] | None).decode
_NULL = msgspec.Raw(b"null")
_ENDED = msgspec.Raw(b'"tool_calls"')


class Calls:
    """The calls of one stream, which is cut into whole events for it."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._choices: dict[bytes, _Numbers] = {}
        """By the choice's own number, of choices that have had calls."""

    def feed(self, block: bytes) -> bytes:
        """The whole events that have come so far, put right. Raises EventTooLarge."""
        complete = self._splitter.feed(block)
        if not self._choices and complete.find(b'"tool_calls"') < 0:
            return complete
        return b"".join(map(self._event, events(complete)))

    def finish(self) -> bytes:
        """What has come of an incomplete event."""
        return self._splitter.finish()

    def _event(self, event: bytes) -> bytes:
        data = data_of(event)
        try:
            fields = (_fields(data) if data is not None else None) or {}
            choices = _objects(fields.get("choices", _NULL)) or []
            if not any([self._choice(choice) for choice in choices]):
                return event
        except (msgspec.DecodeError, UnicodeDecodeError):  # `[DONE]`, or nothing of Google's: others judge it
            return event
        fields["choices"] = _raw(choices)
        return b"data: " + msgspec.json.encode(fields) + b"\n\n"

    def _choice(self, choice: Fields) -> bool:
        """Puts a choice right; whether there was anything to do. Raises DecodeError or UnicodeDecodeError."""
        key = bytes(choice.get("index", b"0"))
        delta = _fields(choice.get("delta", _NULL)) or {}
        calls = _objects(delta.get("tool_calls", _NULL)) or []
        changed = False
        if calls:
            numbers = self._choices.setdefault(key, _Numbers())
            changed = any([numbers.number(call) for call in calls])
            delta["tool_calls"] = _raw(calls)
            choice["delta"] = _raw(delta)
        if key in self._choices and bytes(choice.get("finish_reason", _NULL)) == b'"stop"':
            choice["finish_reason"] = _ENDED
            changed = True
        return changed


class _Numbers:
    """The numbers of a choice's calls."""

    def __init__(self) -> None:
        self._given: dict[Any, int] = {}
        """By the call's id."""
        self._last = 0

    def number(self, call: Fields) -> bool:
        """Numbers a call that has no number; whether it had none. One without an id goes on with the last."""
        id = bytes(call.get("id", _NULL))
        told = bytes(call.get("index", _NULL))
        if told.isdigit():
            self._last = self._given[id] = int(told)
            return False
        if id not in (b"null", b'""'):
            self._last = self._given.setdefault(id, max(self._given.values(), default=-1) + 1)
        call["index"] = msgspec.Raw(b"%d" % self._last)
        return True


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
