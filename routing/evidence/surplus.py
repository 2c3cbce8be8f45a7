"""Surplus: exposures of busy units that cannot matter any more, told apart without asking the store.

Of a unit only the K earliest requests that have a value count. Once K exposures of a unit have been taken in,
a later one that says the same kinds of things would be forgotten by the fold, and need not reach it.
"""

from __future__ import annotations

from collections.abc import Hashable

MOST = 50_000
"""Units remembered at once; then all are forgotten, and learnt again."""


class Surplus:
    """`depth` is K. What it remembers only ever lets too much through, never too little."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._times: dict[Hashable, list[int]] = {}

    def is_surplus(self, unit: Hashable, time: int) -> bool:
        """Takes an exposure in; whether K earlier ones were. `unit` names the kinds of its values, too.

        `time` in milliseconds since 1970. Whoever asks has to bring what is not surplus to the store.
        """
        times = self._times.get(unit)
        if times is None:
            if len(self._times) >= MOST:
                self._times.clear()
            self._times[unit] = [time]
            return False
        if len(times) < self._depth:
            times.append(time)
            return False
        latest = max(times)
        if time > latest:
            return True
        times[times.index(latest)] = time
        return False
