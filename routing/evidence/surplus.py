"""Surplus: exposures of busy units that cannot matter any more, told apart without asking the store.

Of a unit only the K earliest requests that have a value count. Once K exposures of a unit have been taken in,
a later one that says the same kinds of things would be forgotten by the fold, and need not reach it.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable

PLACES = 1 << 19
"""Units remembered at most, in 16 bytes each."""
KINDS = 1 << 20
"""Kinds told apart; beyond it everything is forgotten, and learnt again."""
_COUNT, _TIME = 20, 22
_KIND = KINDS - 1
_LATEST = 1 << 64 - _TIME
_OTHER = 32
"""Bits of a unit's hash behind those that its second place comes from."""


class Surplus:
    """What it remembers only ever lets too much through, never too little.

    A unit may be in either of two places. A new one displaces the unit there whose last exposure was taken in
    longer ago, and that finds its other place when it comes back (Pagh, Rodler: *Cuckoo hashing*, ESA 2001):
    up to half as many units as there are places keep out of each other's way.
    """

    def __init__(self) -> None:
        self._kinds: dict[Hashable, int] = {}
        self._table = array("Q")  # by place: the unit; the latest time, how many, and their kind

    def kind(self, kinds: Hashable) -> int:
        """A number for what exposures have in common; it and the next three tell four kinds of them apart."""
        number = self._kinds.get(kinds)
        if number is None:
            if not self._kinds or len(self._kinds) >= KINDS // 4 - 1:
                self._kinds = {}
                self._table = array("Q", bytes(16 * PLACES))
            number = self._kinds[kinds] = 4 * (len(self._kinds) + 1)
        return number

    def is_surplus(self, kind: int, unit: int, time: int, depth: int) -> bool:
        """Takes an exposure in; whether `depth` earlier ones were of the same unit (64 bits) and kind.

        `time` in milliseconds since 1970; `depth` is K, at most 3. Whoever asks has to bring what is not
        surplus to the store.
        """
        table = self._table
        at = 2 * (unit + kind & PLACES - 1)
        known = table[at + 1]
        if known and (table[at] != unit or known & _KIND != kind):
            first, before = at, known
            at = 2 * ((unit >> _OTHER) + kind & PLACES - 1)
            known = table[at + 1]
            if known and (table[at] != unit or known & _KIND != kind):
                if before >> _TIME < known >> _TIME:
                    at = first
                known = 0
        if not known:
            if time < _LATEST:
                table[at] = unit
                table[at + 1] = time << _TIME | 1 << _COUNT | kind
            return False
        count, latest = known >> _COUNT & 3, known >> _TIME
        if count >= depth:
            return time > latest
        if time < _LATEST:
            table[at + 1] = max(time, latest) << _TIME | count + 1 << _COUNT | kind
        return False
