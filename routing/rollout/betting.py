"""Betting: what the compared units of a metric prove, at whatever moment one looks.

Of a unit, ȳ is how bad it was (0 good, 1 bad), A whether it is on the candidate (1) or the baseline (0), w
the chance of that, and ŷ the baseline's rate of its stratum, frozen before the unit came. Its score

    X = (ȳ − ŷ)·(A/w − (1 − A)/(1 − w))

is an augmented inverse-propensity score: whatever ŷ is, its expectation given the past is Δ, the candidate's
extra bad, because A was drawn by lot. A good ŷ makes it vary less: V = ŷ(1 − ŷ)/(w(1 − w)) when ŷ is right.

To test Δ ≤ m, a gambler stakes a share of his capital on each unit's X being above m, which is a losing game
or a fair one if Δ ≤ m. His capital is multiplied by 1 + λ(X − m) a unit, and by Ville's inequality it ever
reaches 1/α with a chance of at most α: so anybody may look at any time and act. λ = min(δ/V, 0.6/(m − X⁻))
suits an extra of about δ and never stakes more than 0.6 of the capital on the least X that there can be,
X⁻ = min(−ŷ/w, −(1 − ŷ)/(1 − w)). Several δ are tried at once and their capitals averaged.

To test Δ ≥ M is the same game on −X and −M.

Assumptions: the lot is independent of everything; ŷ and w are fixed before the unit comes; no unit's outcome
depends on another unit's lot. Not assumed: that units are alike, that rates stand still, or any distribution.

Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting*, JRSS-B 86 (2024);
Howard, Ramdas, McAuliffe and Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence sequences*,
Annals of Statistics 49 (2021); Robins, Rotnitzky and Zhao, JASA 89 (1994), for the score.

Logarithms are added up by `fsum`, which rounds once: the result is the same in whatever order units come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp, fsum, log1p
from typing import NamedTuple

from routing.rollout.planning import BOLDEST, MULTIPLES

SIZES = (0.01, 0.02, 0.04, 0.07, 0.12, 0.20, 0.40, 1.00)
"""δ: the extra shares of bad answers that the harm test bets on."""
FIRST = 0.9
"""The part of the capital that is staked from the epoch's first period on; the rest joins later ones."""
LARGEST = 690.0
"""The largest logarithm of a capital that is told apart: beyond it floats overflow."""
SLIM = 0.01
"""The least distance between a bound that is tried and the score's extreme, when intervals are sought."""


Kind = tuple[float, bool, float]
"""Units that score the same: the frozen rate of their stratum, whether they are on the candidate, and their
value (1 bad). A plain tuple: there are hundreds a look."""

Units = Mapping[Kind, float]
"""How many units there are of each kind, in one period and of one metric."""


class Game(NamedTuple):
    """What is bet on: that X lies above `bound` (`sign` 1) or below it (-1), for each of `sizes`."""

    sizes: tuple[float, ...]
    bound: float
    sign: int


def harm(bound: float) -> Game:
    """Against H0: Δ ≤ bound."""
    return Game(SIZES, bound, 1)


def safe(margin: float) -> Game:
    """Against H0: Δ ≥ margin."""
    return Game(tuple(multiple * margin for multiple in MULTIPLES), margin, -1)


def score(kind: Kind, chance: float) -> float:
    """X of a unit, for a chance w strictly between 0 and 1."""
    rate, candidate, value = kind
    return (value - rate) * (1 / chance if candidate else -1 / (1 - chance))


def least(rate: float, chance: float) -> float:
    """X⁻, the least score that a unit can have."""
    return min(-rate / chance, -(1 - rate) / (1 - chance))


def most(rate: float, chance: float) -> float:
    """X⁺, the highest."""
    return max((1 - rate) / chance, rate / (1 - chance))


def stakes(game: Game, rate: float, chance: float) -> list[float]:
    """λ for each size."""
    variance = rate * (1 - rate) / (chance * (1 - chance))
    room = game.bound - least(rate, chance) if game.sign > 0 else most(rate, chance) - game.bound
    boldest = BOLDEST / max(room, SLIM)
    return [min(size / variance, boldest) for size in game.sizes]


def gains(game: Game, kind: Kind, chance: float) -> tuple[float, ...]:
    """By how much one unit moves the logarithm of the capital, for each size."""
    edge = game.sign * (score(kind, chance) - game.bound)
    return tuple(log1p(stake * edge) for stake in stakes(game, kind[0], chance))


_remembered = lru_cache(maxsize=65_536)(gains)


def capital(game: Game, units: Units, chance: float) -> list[float]:
    """The logarithm of the capital for each size, once a period's units have been played."""
    if not units:
        return [0.0] * len(game.sizes)
    rows = [[count * gain for gain in _remembered(game, kind, chance)] for kind, count in units.items()]
    return [fsum(column) for column in zip(*rows, strict=True)]


def tried(game: Game, units: Units, chance: float) -> float:
    """E of one period, for a game that is played once and not remembered."""
    rows = [[count * gain for gain in gains(game, kind, chance)] for kind, count in units.items()]
    return averaged([fsum(column) for column in zip(*rows, strict=True)]) if rows else 1.0


def averaged(logs: Sequence[float]) -> float:
    """The mean of capitals, given their logarithms."""
    return fsum(exp(min(each, LARGEST)) for each in logs) / len(logs)


def shares(periods: int) -> list[float]:
    """π_r: the part of the capital that joins with period r = 1, 2, …: 0.9, then 0.1·2^(1 − r)."""
    return [FIRST] + [(1 - FIRST) * 2.0 ** (1 - r) for r in range(2, periods + 1)]


def over_periods(capitals: Iterable[Sequence[float]]) -> float:
    """E of an epoch, given the logarithms of each period's capitals, the oldest period first.

    E = Σ_{r ≤ k} π_r · mean_j(P_jr ⋯ P_jk) + (1 − Σ_{r ≤ k} π_r): a part of the capital plays from the first
    period on, some joins with each later one, and what has not joined yet is kept. So what a period has lost
    does not weigh on all that come after it, and the whole stays a fair game.
    """
    played = list(capitals)
    parts = shares(len(played))
    total, kept = [], 1 - fsum(parts)
    since = [0.0] * len(played[-1])
    for part, logs in zip(reversed(parts), reversed(played), strict=True):
        since = [one + more for one, more in zip(logs, since, strict=True)]
        total.append(part * averaged(since))
    return fsum([*total, kept])
