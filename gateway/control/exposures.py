"""The exposures of the last while, for whoever asks about one request, or for the newest ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from gateway.channel.records import Exposure, Line

KEPT = 20_000
"""About 12 MB. Beyond it the oldest are forgotten; what the request id itself says is never lost."""


class Exposures:
    """Appending costs next to nothing, since every request does it; looking up is rare and may search."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Line, Exposure]] = deque(maxlen=KEPT)
        self._came = self._shown = 0

    def add(self, line: Line, exposures: Sequence[Exposure]) -> None:
        """Remembers these."""
        self._recent.extend([(line, exposure) for exposure in exposures])
        self._came += len(exposures)

    def find(self, nonce: bytes) -> tuple[Line, Exposure] | None:
        """The exposure of the request whose id holds `nonce`, and what it has in common with others."""
        return next((found for found in reversed(self._recent) if found[1].nonce == nonce), None)

    def news(self) -> Iterator[tuple[Line, Exposure]]:
        """Those that have come since this was asked last, the newest first, as far as they are remembered."""
        came, self._shown = self._came - self._shown, self._came
        return islice(reversed(self._recent), came)
