"""Surplus: exposures of busy units that cannot matter any more, told apart without asking the store.

Of a unit only the K earliest requests that have a value count. Once K exposures of a unit have been taken in,
a later one that says the same kinds of things would be forgotten by the fold, and need not reach it.
"""

from __future__ import annotations

from collections.abc import Hashable

MOST = 50_000
"""Units remembered at once, some 8 MB; then all are forgotten, and learnt again."""


class Surplus:
    """`depth` is K. What it remembers only ever lets too much through, never too little."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._kinds: dict[Hashable, dict[int, int | list[int]]] = {}
        self._count = 0

    def is_surplus(self, kinds: Hashable, unit: int, time: int) -> bool:
        """Takes an exposure in; whether K earlier ones were of the same unit and the same kinds of values.

        `time` in milliseconds since 1970. Whoever asks has to bring what is not surplus to the store.
        """
        units = self._kinds.get(kinds)
        if units is None:
            units = self._kinds[kinds] = {}
        times = units.get(unit)
        if times is None:
            if self._count >= MOST:
                self._kinds, self._count = {}, 0
                units = self._kinds[kinds] = {}
            units[unit] = time  # of most units there is never another
            self._count += 1
            return False
        if isinstance(times, int):
            times = units[unit] = [times]
        if len(times) < self._depth:
            times.append(time)
            return False
        latest = max(times)
        if time > latest:
            return True
        times[times.index(latest)] = time
        return False
