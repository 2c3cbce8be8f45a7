"""Answers that the control plane wants to see: held while they are relayed, sent when they are whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.channel.answers import LARGEST, Answered, encode
from gateway.data.account import Account
from gateway.data.tracing import LAST
from routing.difficulty.features import hashed_features
from routing.difficulty.text import is_blank, text_of
from routing.request_id import identity_of


class Captured:
    """One stream, as far as it may be kept: beyond LARGEST bytes nothing of it is."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, block: bytes) -> None:
        """Another part of it has been relayed."""
        self._size += len(block)
        if self._size <= LARGEST:
            self._parts.append(block)
        else:
            self._parts.clear()

    def tail(self) -> bytes:
        """Its last blocks."""
        return b"".join(self._parts[-LAST:])

    def whole(self) -> bytes:
        """All of it; empty when it was too large."""
        return b"".join(self._parts)


class Capture:
    """Sends whole answers; `send` returns False when there is no room, and `dropped` counts that."""

    def __init__(self, send: Callable[[bytes], bool], dropped: Callable[[], None]) -> None:
        self._send = send
        self._dropped = dropped

    def answered(self, account: Account, body: bytes, prompt: bytes, features: bytes = b"") -> None:
        """A request of a route that captures has been answered.

        `prompt` is its body and `features` are its prompt's as JSON, where they are wanted.
        """
        decision, key = account.decision, account.key
        assert decision is not None and key is not None
        identity = tuple(identity_of(decision, key, account.sealed))
        text = body if len(body) <= LARGEST else b""
        asked = prompt if len(prompt) <= LARGEST else b""
        message = Answered(
            identity, account.nonce, decision.route.name, decision.variant.name, text, asked, features
        )
        if not self._send(encode(message)):
            self._dropped()


def features_of(body: Mapping[str, Any], task: str) -> bytes:
    """What a request's text is made of, hashed, as JSON; empty without a text, or without one to be read.

    `task` is what it was taken for, empty where nothing was estimated.
    """
    try:
        if is_blank(text_of(body)):
            return b""
        return msgspec.json.encode({"task": task or None, **hashed_features(body)})
    except Exception:  # whatever a client can write, it must not fail the request
        return b""
