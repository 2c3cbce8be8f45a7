"""The crowd: whether one sticky key has much of a segment's traffic, without counting every key."""

from __future__ import annotations

from collections.abc import Iterable

SLOTS = 80
"""Keys that are counted at once: shares are told to within 1/81."""


class Crowd:
    """Counts requests by unit in bounded memory, by the method of Misra and Gries (1982).

    A unit's count is never too high, and too low by at most a share 1/(SLOTS + 1) of all requests: so one
    that has a twentieth of them is sure to be among those that are counted.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._requests = 0

    def add(self, units: Iterable[int]) -> None:
        """Takes in requests by their unit hashes."""
        counts = self._counts
        for unit in units:
            self._requests += 1
            if unit in counts or len(counts) < SLOTS:
                counts[unit] = counts.get(unit, 0) + 1
            else:
                self._counts = counts = {other: left - 1 for other, left in counts.items() if left > 1}

    def largest(self) -> float:
        """The largest share of the requests that one unit surely has, 0 … 1."""
        return max(self._counts.values(), default=0) / max(self._requests, 1)
