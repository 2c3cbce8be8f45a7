"""Coverage: of how many units a metric is known, and what the missing ones could hide."""

from __future__ import annotations

from math import fsum
from typing import NamedTuple

from routing.rollout.betting import Game, Units, averaged, capital, harm

RATE = 0.1
"""ŷ of missing: what is expected of any side."""
UNEQUAL = harm(0.02)
"""Two points: what the shares of missing units may differ by."""
LEVEL = 0.005
"""Of either direction."""
STEPS = 20


class Known(NamedTuple):
    """One side's units in the newest period: those that could have a value, and those that have one."""

    asked: int
    told: int

    @property
    def share(self) -> float | None:
        """0 … 1; None without units."""
        return min(self.told / self.asked, 1.0) if self.asked else None

    @property
    def missing(self) -> int:
        """Units without a value, however recent they are."""
        return max(self.asked - self.told, 0)


def unequal(baseline: Known, candidate: Known, chance: float) -> bool:
    """Whether one side's share of missing units is shown to exceed the other's by over two points.

    The harm test, of being missing instead of being bad, in both directions.
    """
    sides = {False: baseline, True: candidate}
    units = {
        (RATE, side, value): float(count)
        for side, known in sides.items()
        for value, count in ((1.0, known.missing), (0.0, known.asked - known.missing))
        if count
    }
    swapped = {(RATE, not side, value): count for (_, side, value), count in units.items()}
    return any(
        averaged(capital(UNEQUAL, played, w)) >= 1 / LEVEL
        for played, w in ((units, chance), (swapped, 1 - chance))
    )


def tipping(game: Game, units: Units, chance: float, needed: float, missing: int) -> float | None:
    """How much less often the candidate's bad units would have to be reported to turn the game's result.

    Were bad units reported 1 - t times as often as the others, there would be bad/(1 - t) of them: the result
    is that of the game with t·bad/(1 - t) more, which are among the `missing`. Returns the least t, as a
    share, at which a game that was lost is won, or the other way round; None when it does not turn even if
    all that are missing, or nine tenths of all bad units, are bad and unreported.
    """
    bad = fsum(count * value for (_, candidate, value), count in units.items() if candidate)
    if not bad or not missing:
        return None
    most = min(missing / (bad + missing), 0.9)

    def won(share: float) -> bool:
        factor = 1 / (1 - share)
        more = {
            kind: count * (1 + (factor - 1) * kind[2]) if kind[1] else count for kind, count in units.items()
        }
        return averaged(capital(game, more, chance)) >= needed

    before = won(0.0)
    if won(most) == before:
        return None
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if won(middle) != before else (middle, high)
    return high
