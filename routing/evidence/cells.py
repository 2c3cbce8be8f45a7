"""Cells: units counted by what they say. They are all that the statistics read.

A cell is (period, compared, reference, stratum, metric, side, bad, n) → units, within one epoch of one
rollout: n ≤ K requests of the unit have a value of the metric, and `bad` twentieths of one request were bad
in all, so that the unit's value is bad / (20·n). Of `score` any twentieth can occur; of the other metrics
multiples of 20.

Beside the cells of metrics there are those of money, per period and side: n, Σc, Σc² of the units' earliest
costs in micro-USD; and the spread of durations, from which a p95 is read before it is frozen.

A unit's state has one set of counts. When it changes, the old counts are taken away and the new ones added
(`routing.evidence.tally`): that difference is all that is written, and cells are sums over the units whatever
the order of events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from routing.evidence.metrics import WHOLE, longest
from routing.evidence.tally import HALF


class Cell(NamedTuple):
    """Which units are counted together; `bad` in twentieths of a request, `n` requests with a value."""

    period: int
    compared: str
    reference: int
    stratum: int
    metric: str
    candidate: bool
    bad: int
    n: int

    @property
    def value(self) -> float:
        """The units' value: 0 good, 1 bad."""
        return self.bad / (WHOLE * self.n)


class Side(NamedTuple):
    """One variant in one period."""

    period: int
    compared: str
    candidate: bool


class Cost(NamedTuple):
    """Units, the sum of their costs in micro-USD, and that of the squares."""

    n: int = 0
    total: int = 0
    squares: int = 0


Spread = dict[int, int]
"""Units by band of duration."""


class Evidence(NamedTuple):
    """The cells of one epoch. Tests read those that are `compared`; the others are shown."""

    cells: dict[Cell, int]
    costs: dict[Side, Cost]
    durations: dict[Side, Spread]
    first_tokens: dict[Side, Spread]

    @property
    def compared(self) -> dict[Cell, int]:
        """The cells whose units stand in the comparison."""
        return {cell: units for cell, units in self.cells.items() if cell.compared == "compared"}


def evidence_of(counts: Mapping[str, int]) -> Evidence:
    """Reads a store's counters. Raises ValueError for a name that is not one of ours."""
    evidence = Evidence({}, {}, {}, {})
    for name, count in counts.items():
        if count:
            _read(evidence, name.split("."), count)
    return evidence


def _read(evidence: Evidence, name: list[str], count: int) -> None:
    period, compared, *rest = name
    if len(rest) == 6:
        reference, stratum, metric, side, bad, n = rest
        cell = Cell(
            int(period), compared, int(reference), int(stratum), metric, side == "c", int(bad), int(n)
        )
        evidence.cells[cell] = count
        return
    kind, side, part = rest
    place = Side(int(period), compared, side == "c")
    if kind == "cost":
        evidence.costs[place] = _with(evidence.costs.get(place, Cost()), part, count)
        return
    spreads = evidence.durations if kind == "duration" else evidence.first_tokens
    spreads.setdefault(place, {})[int(part)] = count


def counts_of(evidence: Evidence) -> dict[str, int]:
    """The counters that `evidence_of` reads as this evidence."""
    counts = {}
    for cell, units in evidence.cells.items():
        place = f"{cell.period}.{cell.compared}.{cell.reference}.{cell.stratum}."
        counts[f"{place}{cell.metric}.{_letter(cell.candidate)}.{cell.bad}.{cell.n}"] = units
    for side, cost in evidence.costs.items():
        place = f"{side.period}.{side.compared}.cost.{_letter(side.candidate)}."
        high, low = divmod(cost.squares, 1 << HALF)
        counts |= {f"{place}n": cost.n, f"{place}total": cost.total, f"{place}high": high, f"{place}low": low}
    for kind, spreads in (("duration", evidence.durations), ("first_token", evidence.first_tokens)):
        for side, spread in spreads.items():
            place = f"{side.period}.{side.compared}.{kind}.{_letter(side.candidate)}."
            counts |= {f"{place}{band}": units for band, units in spread.items()}
    return {name: count for name, count in counts.items() if count}


def _letter(candidate: bool) -> str:
    return "c" if candidate else "b"


def _with(cost: Cost, part: str, count: int) -> Cost:
    """A cost with one of its counters filled in."""
    if part == "n":
        return cost._replace(n=count)
    if part == "total":
        return cost._replace(total=count)
    return cost._replace(squares=cost.squares + (count << HALF if part == "high" else count))


def quantile(spread: Mapping[int, int], share: float) -> float | None:
    """The duration, in seconds, that `share` of the units do not exceed, to 2 %; None without units."""
    wanted = share * sum(spread.values())
    below = 0
    for band in sorted(spread):
        below += spread[band]
        if below >= wanted:
            return longest(band)
    return None
