"""The heaviest unit of a stream, found in little memory.

Misra and Gries, *Finding repeated elements*, Science of Computer Programming 2 (1982): with m counters the
count of any element is too low by at most n/(m + 1) after n of them.
"""

from __future__ import annotations

from collections.abc import Sequence

COUNTERS = 64
"""So that a share is told to 1.6 points."""
WINDOW = 20_000
"""Requests after which older ones weigh half."""
FEWEST = 1_000
"""Requests before which no share is told."""


class Heavy:
    """Shares of the traffic by unit, of the last while."""

    __slots__ = ("_counts", "_seen")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._seen = 0

    def add(self, units: Sequence[int], requests: int) -> None:
        """`units` of those of the `requests` that have a sticky key."""
        counts = self._counts
        for unit in units:
            if unit in counts:
                counts[unit] += 1
            elif len(counts) < COUNTERS:
                counts[unit] = 1
            else:
                self._counts = counts = {key: count - 1 for key, count in counts.items() if count > 1}
        self._seen += requests
        if self._seen >= WINDOW:
            self._seen //= 2
            self._counts = {key: count // 2 for key, count in counts.items() if count > 1}

    @property
    def share(self) -> float:
        """The share that the heaviest has at least, 0 … 1."""
        if self._seen < FEWEST:
            return 0.0
        return max(self._counts.values(), default=0) / self._seen
