"""Freezing: what is expected of the baseline, before the units to which it is held come.

    ŷ = (F + 20d)/(N + 20),   ŷ_s = (F_s + 20ŷ)/(N_s + 20),   clipped to [0.01, 0.9]

N units, F the sum of their badness, in all and of one stratum; d is what is expected of any baseline. A wrong
rate costs power, never validity, because the score's expectation does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from routing.evidence.cells import Cell, Evidence, Side, Spread, quantile
from routing.evidence.metrics import METRICS
from routing.rollout.document import Period, Rates, Reference
from routing.rollout.planning import USUAL_RATES

ENOUGH = 200
"""Baseline units after which rates and p95s are frozen."""
FIRM = 20
"""How firmly d is believed: as if it had been seen in so many units."""
LOWEST, HIGHEST = 0.01, 0.9
WEEK = 7 * 24 * 3_600_000
"""Milliseconds. What is older says little of the baseline today."""
KNOWN = 0.5
"""The share of those units that a metric has to be known of."""
COUNTED = "errors"
"""The metric of which every unit has a value that can have one."""
SHARE = 0.95


def freeze(
    periods: Sequence[Period], evidence: Evidence, now: int, *, new_epoch: bool = False
) -> Reference | None:
    """The reference for units from now on; None with fewer than 200 baseline units.

    Learnt from the baseline's units in the periods of the last seven days: from the compared ones where an
    earlier period compared somebody, else (and for a `new_epoch`, whose lot is another) from all that were
    assigned to it.
    """
    ends = [period.opened for period in periods[1:]] + [now]
    recent = {period.number for period, end in zip(periods, ends, strict=True) if end >= now - WEEK}
    later = not new_epoch and any(period.low < period.high for period in periods[:-1])
    words = {"compared"} if later else {"compared", "carried"}
    cells = [
        (cell, count) for cell, count in evidence.cells.items()
        if not cell.candidate and cell.period in recent and cell.compared in words
    ]  # fmt: skip
    units = sum(count for cell, count in cells if cell.metric == COUNTED)
    if units < ENOUGH:
        return None
    rates = {
        metric: _rates(metric, [pair for pair in cells if pair[0].metric == metric], units)
        for metric in METRICS
    }
    slow, late = (
        quantile(_merged(spreads, recent, words), SHARE)
        for spreads in (evidence.durations, evidence.first_tokens)
    )
    return Reference(now, units, rates, slow, late)


def rate_of(reference: Reference | None, metric: str, stratum: int) -> float:
    """ŷ of a unit's stratum; without a reference, d."""
    if reference is None:
        return USUAL_RATES[metric]
    rates = reference.rates[metric]
    return rates.strata.get(stratum, rates.overall)


def _rates(metric: str, cells: list[tuple[Cell, int]], units: int) -> Rates:
    """A metric that is not known of most units yet is not known: failures, say, may be told before passes."""
    if sum(count for _, count in cells) < KNOWN * units:
        cells = []
    overall = _drawn(cells, USUAL_RATES[metric])
    strata = sorted({cell.stratum for cell, _ in cells})
    return Rates(
        clipped(overall),
        {
            stratum: clipped(_drawn([pair for pair in cells if pair[0].stratum == stratum], overall))
            for stratum in strata
        },
    )


def _drawn(cells: list[tuple[Cell, int]], expected: float) -> float:
    bad = fsum(count * cell.value for cell, count in cells)
    return drawn(bad, sum(count for _, count in cells), expected)


def drawn(bad: float, units: int, expected: float) -> float:
    """The rate of so many units, with this sum of their badness, drawn towards what is expected."""
    return (bad + FIRM * expected) / (units + FIRM)


def clipped(rate: float) -> float:
    """A rate within the bounds that a reference keeps."""
    return min(max(rate, LOWEST), HIGHEST)


def _merged(spreads: Mapping[Side, Spread], recent: set[int], words: set[str]) -> Spread:
    """The durations of the baseline's units."""
    merged: Spread = {}
    for (period, compared, candidate), spread in spreads.items():
        if not candidate and period in recent and compared in words:
            for band, count in spread.items():
                merged[band] = merged.get(band, 0) + count
    return merged
