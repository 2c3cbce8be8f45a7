"""The tally: what units contribute to the counters, added up before anything is named.

Most units of a batch say the same few things (one request, no error, in time), so they are counted by what
they say, and the counters' names are made once for each of these. `routing.evidence.cells` reads the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter

from routing.evidence.fact import Cohort, Fact
from routing.evidence.metrics import MARKED, SCORE, WHOLE, is_bad, score_badness, split
from routing.evidence.unit import Unit

Counts = dict[str, int]
"""Counters by name, as a store holds them."""

HALF = 32
"""Squares are counted in two halves of this many bits: their sum outgrows a store's 64-bit counters."""
_LOW = (1 << HALF) - 1

Place = tuple[int, str, int, int, bool]
"""Period, compared, reference, stratum, candidate: what units have in common that are counted together."""
_Side = tuple[int, str, bool]
"""Period, compared, candidate."""
_Earliest = tuple[int | None, int | None, int | None]
"""Cost in micro-USD; bands of duration and of time to first token."""
_Said = tuple[tuple[int, float | None], ...]
"""Marks and score of each of a unit's requests."""


_word_of: Callable[[Fact], tuple[int, float | None]] = attrgetter("marks", "score")
_measures_of: Callable[[Fact], _Earliest] = attrgetter("cost", "duration", "first_token")
_NO_MEASURES: _Earliest = (None, None, None)


class Tally:
    """Adds up units. A change of a unit is its new state added and its old one taken away."""

    __slots__ = ("_bands", "_costs", "_units")

    def __init__(self) -> None:
        self._units: dict[tuple[int, str, int, int, bool, _Said], int] = {}
        self._costs: dict[_Side, list[int]] = {}
        self._bands: dict[tuple[_Side, str, int], int] = {}

    def add(self, cohort: Cohort, unit: Unit, sign: int = 1) -> None:
        """Adds the state of a cohort's unit (empty: none yet), or takes it away with a `sign` of -1."""
        if unit:
            self._say(cohort, unit, sign)
            self._measure((*cohort, unit[0].candidate), _earliest(unit), sign)

    def change(self, cohort: Cohort, old: Unit, new: Unit) -> None:
        """The state of a cohort's unit has become another; empty: it had none."""
        if not old:
            self.add(cohort, new)
            return
        self._say(cohort, new, 1)
        self._say(cohort, old, -1)
        if new[:-1] == old and _measures_of(new[-1]) == _NO_MEASURES:
            return  # a later request, where an earlier one has told all that is measured
        before, after = (old[0].candidate, *_earliest(old)), (new[0].candidate, *_earliest(new))
        if before != after:
            self._measure((*cohort, before[0]), before[1:], -1)
            self._measure((*cohort, after[0]), after[1:], 1)

    def _say(self, cohort: Cohort, unit: Unit, sign: int) -> None:
        first = unit[0]
        said: _Said = tuple(map(_word_of, unit))
        units = self._units
        place = (*cohort, first.reference, first.stratum, first.candidate, said)
        units[place] = units.get(place, 0) + sign

    def _measure(self, side: _Side, earliest: _Earliest, sign: int) -> None:
        cost, duration, first_token = earliest
        if cost is not None:
            high, low = divmod(cost * cost, 1 << HALF)
            self._spend(side, (sign, sign * cost, sign * high, sign * low))
        if duration is not None:
            self._spread(side, "duration", duration, sign)
        if first_token is not None:
            self._spread(side, "first_token", first_token, sign)

    def add_many(
        self,
        place: Place,
        marked: Mapping[int, int],
        costs: Sequence[int],
        durations: Mapping[int, int],
        first_tokens: Mapping[int, int],
    ) -> None:
        """Adds units of one request each: how many have which marks, their costs, how many lie in a band."""
        period, compared, _, _, candidate = place
        side = period, compared, candidate
        for marks, count in marked.items():
            key = (*place, ((marks, None),))
            self._units[key] = self._units.get(key, 0) + count
        if costs:
            squares = [divmod(cost * cost, 1 << HALF) for cost in costs]
            halves = sum(high for high, _ in squares), sum(low for _, low in squares)
            self._spend(side, (len(costs), sum(costs), *halves))
        for band, count in durations.items():
            self._spread(side, "duration", band, count)
        for band, count in first_tokens.items():
            self._spread(side, "first_token", band, count)

    def add_fresh(self, place: Place, facts: Sequence[Fact]) -> None:
        """Adds units of which nothing is known but one fact each; most units of a batch are that."""
        said: dict[tuple[int, float | None], int] = {}
        durations: dict[int, int] = {}
        first_tokens: dict[int, int] = {}
        count = total = high = low = 0
        for fact in facts:
            one = fact.marks, fact.score
            said[one] = said.get(one, 0) + 1
            cost, duration, first_token = fact.cost, fact.duration, fact.first_token
            if cost is not None:
                square = cost * cost
                count += 1
                total += cost
                high += square >> HALF
                low += square & _LOW
            if duration is not None:
                durations[duration] = durations.get(duration, 0) + 1
            if first_token is not None:
                first_tokens[first_token] = first_tokens.get(first_token, 0) + 1
        for one, units in said.items():
            key = (*place, (one,))
            self._units[key] = self._units.get(key, 0) + units
        side = place[0], place[1], place[4]
        if count:
            self._spend(side, (count, total, high, low))
        for band, units in durations.items():
            self._spread(side, "duration", band, units)
        for band, units in first_tokens.items():
            self._spread(side, "first_token", band, units)

    def _spend(self, side: _Side, moved: Iterable[int]) -> None:
        sums = self._costs.get(side, (0, 0, 0, 0))
        self._costs[side] = [one + more for one, more in zip(sums, moved, strict=True)]

    def _spread(self, side: _Side, name: str, band: int, count: int) -> None:
        key = side, name, band
        self._bands[key] = self._bands.get(key, 0) + count

    def counts(self) -> Counts:
        """By how much which counters move."""
        counts: Counts = {}
        for (period, compared, reference, stratum, candidate, said), count in self._units.items():
            middle = f"{period}.{compared}.{reference}.{stratum}."
            for metric, rest in _values(said, _side(candidate)):
                name = f"{middle}{metric}.{rest}"
                counts[name] = counts.get(name, 0) + count
        for (period, compared, candidate), (n, total, high, low) in self._costs.items():
            place = f"{period}.{compared}.cost.{_side(candidate)}."
            counts |= {f"{place}n": n, f"{place}total": total, f"{place}high": high, f"{place}low": low}
        for ((period, compared, candidate), name, band), count in self._bands.items():
            counts[f"{period}.{compared}.{name}.{_side(candidate)}.{band}"] = count
        return {name: count for name, count in counts.items() if count}


def _earliest(unit: Unit) -> _Earliest:
    """The earliest cost, duration and time to first token of a unit's requests."""
    first = unit[0]
    cost, duration, first_token = first.cost, first.duration, first.first_token
    for fact in unit[1:]:
        cost = fact.cost if cost is None else cost
        duration = fact.duration if duration is None else duration
        first_token = fact.first_token if first_token is None else first_token
    return cost, duration, first_token


def _side(candidate: bool) -> str:
    return "c" if candidate else "b"


@lru_cache(maxsize=4096)
def _values(said: _Said, side: str) -> tuple[tuple[str, str], ...]:
    """Metric, and the rest of the counter's name, of each metric of which the unit has a value."""
    return tuple((metric, f"{side}.{bad}.{n}") for metric, bad, n in _told(said))


def _told(said: _Said) -> Iterator[tuple[str, int, int]]:
    """Metric, bad twentieths, requests."""
    bad, n = [0] * len(MARKED), [0] * len(MARKED)
    for marks, _ in said:
        for index, bits in enumerate(split(marks)):
            if bits:
                n[index] += 1
                bad[index] += is_bad(bits)
    for index, metric in enumerate(MARKED):
        if n[index]:
            yield metric, WHOLE * bad[index], n[index]
    scores = [score_badness(score) for _, score in said if score is not None]
    if scores:
        yield SCORE, sum(scores), len(scores)
