"""Thresholds of gains on their way to workers."""

from __future__ import annotations

import msgspec

from routing.difficulty.thresholds import Told

_Written = dict[str, tuple[str, list[tuple[str, int, float]]]]
_decoder = msgspec.msgpack.Decoder(_Written)


def encode(told: Told) -> bytes:
    """Thresholds as a message."""
    written = {
        route: (hash, [(task, top, threshold) for (task, top), threshold in thresholds.items()])
        for route, (hash, thresholds) in told.items()
    }
    return msgspec.msgpack.encode(written)


def decode(message: bytes) -> Told:
    """The inverse of `encode`."""
    return {
        route: (hash, {(task, top): threshold for task, top, threshold in thresholds})
        for route, (hash, thresholds) in _decoder.decode(message).items()
    }
