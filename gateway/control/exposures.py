"""The exposures of the last while, for whoever asks about one request, or for the newest ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from gateway.channel.records import Exposure, Line, opened

KEPT = 20_000
"""Some 2 MB. Beyond it the oldest are forgotten; what the request id itself says is never lost."""


class Exposures:
    """Kept packed, as they came: every request is, while looking up is rare and may search and unpack."""

    def __init__(self) -> None:
        self._recent: deque[tuple[bytes, int]] = deque()
        self._held = 0
        self._came = self._shown = 0

    def add(self, packed: bytes | msgspec.Raw, count: int) -> None:
        """Remembers the exposures of one line, `count` of them."""
        recent = self._recent
        recent.append((bytes(packed), count))
        self._held += count
        while self._held - recent[0][1] >= KEPT:
            self._held -= recent.popleft()[1]
        self._came += count

    def find(self, nonce: bytes) -> tuple[Line, Exposure] | None:
        """The exposure of the request whose id holds `nonce`, and what it has in common with others."""
        for packed, _ in reversed(self._recent):
            if nonce in packed:
                line, exposures = opened(packed)
                for exposure in exposures:
                    if exposure.nonce == nonce:
                        return line, exposure
        return None

    def news(self) -> Iterator[tuple[Line, Exposure]]:
        """Those that have come since this was asked last, the newest first, as far as they are remembered."""
        came, self._shown = self._came - self._shown, self._came
        return islice(self._backwards(), min(came, KEPT))

    def _backwards(self) -> Iterator[tuple[Line, Exposure]]:
        for packed, _ in reversed(self._recent):
            line, exposures = opened(packed)
            for exposure in reversed(exposures):
                yield line, exposure
