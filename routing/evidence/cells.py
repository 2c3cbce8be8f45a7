"""Cells: units counted by what they say. They are all that the statistics read.

A cell is (period, compared, reference, stratum, metric, side, bad, n) → units, within one epoch of one
rollout: n ≤ K requests of the unit have a value of the metric, and `bad` twentieths of one request were bad
in all, so that the unit's value is bad / (20·n). Of `score` any twentieth can occur; of the other metrics
multiples of 20.

Beside the cells of metrics there are those of money, per period and side: n, Σc, Σc² of the units' earliest
costs in micro-USD; and the spread of durations, from which a p95 is read before it is frozen.

A unit's state has one set of counts. When it changes, the old counts are taken away and the new ones added:
that difference is all that is written, and cells are sums over the units whatever the order of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from routing.evidence.fact import UnitKey
from routing.evidence.metrics import MARKED, SCORE, WHOLE, is_bad, longest, score_badness, split
from routing.evidence.unit import Unit

Counts = dict[str, int]
"""Counters by name, as a store holds them; names are made and read here only."""

_HALF = 32
"""Squares are counted in two halves of this many bits: their sum outgrows a store's 64-bit counters."""


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


def counts_of(key: UnitKey, unit: Unit) -> Counts:
    """What one unit contributes."""
    if not unit:
        return {}
    first = unit[0]
    side = "c" if first.candidate else "b"
    place = f"{key.period}.{key.compared}."
    middle = f"{place}{first.reference}.{first.stratum}."
    counts = {f"{middle}{metric}.{side}.{bad}.{n}": 1 for metric, bad, n in _values(unit)}
    cost = next((fact.cost for fact in unit if fact.cost is not None), None)
    if cost is not None:
        high, low = divmod(cost * cost, 1 << _HALF)
        counts[f"{place}cost.{side}.n"] = 1
        counts[f"{place}cost.{side}.total"] = cost
        counts[f"{place}cost.{side}.high"] = high
        counts[f"{place}cost.{side}.low"] = low
    for name in ("duration", "first_token"):
        band = next((value for fact in unit if (value := getattr(fact, name)) is not None), None)
        if band is not None:
            counts[f"{place}{name}.{side}.{band}"] = 1
    return counts


def _values(unit: Unit) -> Iterable[tuple[str, int, int]]:
    """Metric, bad twentieths and requests, of the metrics of which the unit has a value."""
    bad, n = [0] * len(MARKED), [0] * len(MARKED)
    for fact in unit:
        for index, bits in enumerate(split(fact.marks)):
            if bits:
                n[index] += 1
                bad[index] += is_bad(bits)
    for index, metric in enumerate(MARKED):
        if n[index]:
            yield metric, WHOLE * bad[index], n[index]
    scores = [score_badness(fact.score) for fact in unit if fact.score is not None]
    if scores:
        yield SCORE, sum(scores), len(scores)


def add_difference(counts: Counts, key: UnitKey, old: Unit, new: Unit) -> None:
    """Adds to `counts` what changes when a unit's state goes from `old` (empty: none yet) to `new`."""
    for name, count in counts_of(key, new).items():
        counts[name] = counts.get(name, 0) + count
    for name, count in counts_of(key, old).items():
        counts[name] = counts.get(name, 0) - count


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


def _with(cost: Cost, part: str, count: int) -> Cost:
    """A cost with one of its counters filled in."""
    if part == "n":
        return cost._replace(n=count)
    if part == "total":
        return cost._replace(total=count)
    return cost._replace(squares=cost.squares + (count << _HALF if part == "high" else count))


def quantile(spread: Mapping[int, int], share: float) -> float | None:
    """The duration, in seconds, that `share` of the units do not exceed, to 2 %; None without units."""
    wanted = share * sum(spread.values())
    below = 0
    for band in sorted(spread):
        below += spread[band]
        if below >= wanted:
            return longest(band)
    return None
