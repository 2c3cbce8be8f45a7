"""The validating child, from within."""

from __future__ import annotations

import os
from io import BytesIO

import pytest

from gateway.validation import child
from gateway.validation.child import OUT_OF_MEMORY, Judge, serve
from gateway.validation.wire import HEAD, Request, Rule, Rules, decode_reply, frame
from routing.validators.verdict import Failed, Passed, Reason, Skipped

RULES = Rules.of([Rule("json", {}), Rule("regex", {"pattern": "a"})])


def test_it_answers_in_order_and_ends_with_its_input() -> None:
    requests = [
        Request(7, RULES.encoded, b'"a"', False),
        Request(7, b"", b'"b"', False),
        Request(7, b"", b'{"choices": [{"message": {"content": "\\"a\\""}}]}', True),
        Request(7, b"", b"", True),
        Request(8, b"", b'"a"', False),
    ]
    replies = BytesIO()
    serve(BytesIO(b"".join(map(frame, requests)) + b"\0\0"), replies)
    replies.seek(0)
    found = []
    while head := replies.read(HEAD):
        found.append(decode_reply(replies.read(int.from_bytes(head, "big"))))
    assert [reply.verdict() for reply in found] == [
        Passed(), Failed(Reason.NO_MATCH), Passed(), Skipped(Reason.NO_TEXT), Skipped(Reason.CRASHED),
    ]  # fmt: skip
    assert [reply.fault for reply in found] == ["", "", "", "", "KeyError"]


def test_it_does_not_go_on_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(rule: Rule) -> None:
        raise MemoryError

    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(child, "make", make)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit) as left:
        Judge().reply(Request(0, RULES.encoded, b"", False))
    assert left.value.code == OUT_OF_MEMORY
