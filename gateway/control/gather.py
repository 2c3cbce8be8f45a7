"""Gathers what exposures say of rollouts until the store takes it.

    exposure ─┬─ of a request that is a unit by itself ──▶ a tally, counted in the store now and then
              ├─ of a unit that has said enough          ──▶ nothing
              └─ of any other                            ──▶ a fact, folded into its unit in the store

What waits here is lost with the process. As far as evidence needs a request of which an outcome is reported,
that brings it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import urandom

from gateway.channel.records import Exposure, Line
from gateway.control.terms import MILLISECONDS, Terms
from gateway.store.base import Store
from routing.evidence.alone import End, Group, count_alone
from routing.evidence.ending import Endings
from routing.evidence.fact import P95, Cohort, Fact, Facts
from routing.evidence.surplus import Surplus
from routing.evidence.tally import Counts, Tally
from routing.request_id import is_alone

HELD = 50_000
"""Facts that wait for the store at most; some 25 MB."""
STRIDE, STRIDES, BREATH = 25, 8, 0.005
"""Facts that go to the store together at least, strides of a batch at most, seconds between two."""
HASH = 64
"""Bits of a unit's hash."""

NOT_FROZEN = P95()
"""Of a rollout whose baseline is not known well enough yet: latency is shown and not tested."""


@dataclass(slots=True)
class _Epoch:
    """What waits of one rollout's epoch; `sent` are the counters on their way, until the store has them."""

    rollout: str
    epoch: int
    depth: int
    tally: Tally = field(default_factory=Tally)
    tallied: bool = False
    sent: Counts | None = None
    number: int = 0
    facts: Facts = field(default_factory=dict)
    waiting: int = 0
    """How many facts that is."""

    @property
    def holds(self) -> bool:
        """Whether anything waits."""
        return bool(self.waiting or self.sent or self.tallied)

    def put_back(self, facts: Facts) -> None:
        """What was on its way waits again."""
        for cohort, told in facts.items():
            units = self.facts.setdefault(cohort, {})
            for unit, some in told.items():
                units.setdefault(unit, []).extend(some)
                self.waiting += len(some)


class Gathering:
    """`dropped` is told how many exposures found no room."""

    def __init__(self, store: Store, dropped: Callable[[int], None]) -> None:
        self._store = store
        self._dropped = dropped
        self.changed: Callable[[str], None] = lambda rollout: None
        """Told of a rollout whose evidence has changed in the store."""
        self.news = asyncio.Event()
        """Set while anything waits."""
        self._sender = urandom(8)
        self._surplus = Surplus()
        self._epochs: dict[tuple[str, int], _Epoch] = {}

    def add(self, line: Line, exposures: Sequence[Exposure], terms: Terms) -> None:
        """Takes in requests that have ended, of the rollout's present epoch."""
        place = terms.rollout, terms.epoch
        epoch = self._epochs.get(place)
        if epoch is None or epoch.depth != terms.depth:
            self._epochs[place] = epoch = _Epoch(terms.rollout, terms.epoch, terms.depth)
        candidate = terms.candidate is not None and line.variant == terms.candidate.name
        period, compared = line.period, line.compared
        common = period, compared, line.reference, line.stratum_index, candidate
        p95 = NOT_FROZEN if terms.document is None else terms.document.p95(period, line.reference)
        own, streamed = line.served == line.variant, line.streamed
        group = Group(common, line.status, own, streamed, p95)
        endings = Endings(line.reference, line.stratum_index, candidate, line.status, own, streamed, p95)
        apart, surplus = group.apart, self._surplus
        depth, waiting = terms.depth, epoch.waiting
        units = epoch.facts.setdefault(Cohort(period, compared), {})
        kind = surplus.kind((*place, depth, period, compared, line.status, streamed)) if apart else 0
        alone: list[End] = []
        dropped = 0
        for one in exposures:
            unit, sealed, attempts, cost = one.unit, one.sealed, one.attempts, one.cost
            if apart and is_alone(unit, sealed):
                alone.append((attempts, one.duration, one.first_token, cost))
                continue
            if waiting >= HELD:  # asked before the surplus: what finds no room must not count as taken in
                dropped += 1
                continue
            if apart and surplus.is_surplus(kind + (attempts > 0) + 2 * (cost >= 0), unit, sealed, depth):
                continue
            time = sealed or int(one.time * MILLISECONDS)
            fact = endings.fact(time, one.nonce, attempts, one.duration, one.first_token, cost)
            told = units.get(unit)
            if told is None:
                units[unit] = [fact]
            else:
                told.append(fact)
            waiting += 1
        epoch.waiting = waiting
        if alone:
            count_alone(epoch.tally, group, alone)
            epoch.tallied = True
        if epoch.holds:  # what brings nothing new, as most do that come often, wakes nobody
            self.news.set()
        if dropped:
            self._dropped(dropped)

    async def flush(self) -> None:
        """Brings what waits to the store. Raises StoreError; then it waits on."""
        self.news.clear()
        try:
            for epoch in list(self._epochs.values()):
                await self._count(epoch)
                await self._apply(epoch)
        finally:  # what came meanwhile, and counters behind those that had been on their way
            if any(epoch.holds for epoch in self._epochs.values()):
                self.news.set()

    async def _count(self, epoch: _Epoch) -> None:
        if epoch.sent is None and epoch.tallied:
            epoch.sent, epoch.tally, epoch.tallied = epoch.tally.counts(), Tally(), False
            epoch.number += 1
        if epoch.sent is not None:
            await self._store.count(epoch.rollout, epoch.epoch, self._sender, epoch.number, epoch.sent)
            epoch.sent = None
            self.changed(epoch.rollout)

    async def _apply(self, epoch: _Epoch) -> None:
        """In small strides, unless much has come together: on a core that is shared with a worker no request
        should have to wait for all of it.
        """
        strides = _strides(epoch.facts)
        epoch.facts, epoch.waiting = {}, 0
        try:
            while strides:
                await self._store.apply(epoch.rollout, epoch.epoch, strides[-1], epoch.depth)
                self.changed(epoch.rollout)
                strides.pop()
                if strides:
                    await asyncio.sleep(BREATH)
        finally:
            for facts in strides:
                epoch.put_back(facts)

    def forget(self, known: set[tuple[str, int]]) -> None:
        """Lets go of the epochs that are not `known` (rollout, epoch) and have nothing waiting."""
        for place, epoch in list(self._epochs.items()):
            if place not in known and not epoch.holds:
                del self._epochs[place]


def _strides(facts: Facts) -> list[Facts]:
    """Facts in parts, by their units' hashes: what lies together in a store goes there together."""
    strides: list[Facts] = []
    for cohort, units in facts.items():
        count = min(STRIDES, -(-len(units) // STRIDE))
        parts: list[dict[int, list[Fact]]] = [{} for _ in range(count)]
        for unit, told in units.items():
            parts[unit * count >> HASH][unit] = told
        strides += [{cohort: part} for part in parts if part]
    return strides
