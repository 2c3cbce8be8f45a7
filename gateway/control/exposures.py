"""The exposures of the last while, for whoever asks about one request."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gateway.channel.records import Exposure

KEPT = 20_000
"""About 20 MB. Beyond it the oldest are forgotten; what the request id itself says is never lost."""


class Exposures:
    """Appending costs next to nothing, since every request does it; looking up is rare and may search."""

    def __init__(self) -> None:
        self._recent: deque[Exposure] = deque(maxlen=KEPT)

    def add(self, exposures: Iterable[Exposure]) -> None:
        """Remembers these."""
        self._recent.extend(exposures)

    def find(self, nonce: bytes) -> Exposure | None:
        """The exposure of the request whose id holds `nonce`."""
        return next((exposure for exposure in reversed(self._recent) if exposure.nonce == nonce), None)
