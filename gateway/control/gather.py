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
from routing.evidence.alone import Group, count_alone
from routing.evidence.fact import P95, Ending, Fact, Request, UnitKey, exposed
from routing.evidence.surplus import Surplus
from routing.evidence.tally import Counts, Tally
from routing.request_id import is_alone

HELD = 50_000
"""Facts that wait for the store at most; some 25 MB."""
STRIDE, STRIDES, BREATH = 25, 20, 0.005
"""Facts that go to the store together at least, strides of a batch at most, seconds between two."""

NOT_FROZEN = P95()
"""Of a rollout whose baseline is not known well enough yet: latency is shown and not tested."""


@dataclass(slots=True)
class _Epoch:
    """What waits of one rollout's epoch; `sent` are the counters on their way, until the store has them."""

    rollout: str
    epoch: int
    depth: int
    surplus: Surplus
    tally: Tally = field(default_factory=Tally)
    tallied: bool = False
    sent: Counts | None = None
    number: int = 0
    facts: list[tuple[UnitKey, Fact]] = field(default_factory=list)


class Gathering:
    """`dropped` is told how many exposures found no room."""

    def __init__(self, store: Store, dropped: Callable[[int], None]) -> None:
        self._store = store
        self._dropped = dropped
        self._sender = urandom(8)
        self._epochs: dict[tuple[str, int], _Epoch] = {}

    def add(self, line: Line, exposures: Sequence[Exposure], terms: Terms) -> None:
        """Takes in requests that have ended, of the rollout's present epoch."""
        place = terms.rollout, terms.epoch
        epoch = self._epochs.get(place)
        if epoch is None or epoch.depth != terms.depth:
            self._epochs[place] = epoch = _Epoch(*place, terms.depth, Surplus(terms.depth))
        candidate = terms.candidate is not None and line.variant == terms.candidate.name
        common = line.period, line.compared, line.reference, line.stratum_index, candidate
        p95 = NOT_FROZEN if terms.document is None else terms.document.p95(line.period, line.reference)
        group = Group(common, line.status, line.served == line.variant, line.streamed, p95)
        rest = exposures
        if group.apart:
            alone = [one for one in exposures if is_alone(one.unit, one.sealed)]
            if alone:
                ends = [(one.attempts, one.duration, one.first_token, one.cost) for one in alone]
                count_alone(epoch.tally, group, ends)
                epoch.tallied = True
            rest = [] if len(alone) == len(exposures) else [
                one for one in exposures
                if not is_alone(one.unit, one.sealed) and not self._surplus(epoch, line, one)
            ]  # fmt: skip
        free = max(HELD - len(epoch.facts), 0)
        if len(rest) > free:
            self._dropped(len(rest) - free)
        epoch.facts += [_fact(line, one, candidate, p95) for one in rest[:free]]

    @staticmethod
    def _surplus(epoch: _Epoch, line: Line, exposure: Exposure) -> bool:
        kinds = line.status, line.streamed, exposure.attempts > 0, exposure.cost >= 0
        return epoch.surplus.is_surplus((line.period, line.compared, exposure.unit, kinds), exposure.sealed)

    async def flush(self) -> None:
        """Brings what waits to the store. Raises StoreError; then it waits on."""
        for epoch in list(self._epochs.values()):
            await self._count(epoch)
            await self._apply(epoch)

    async def _count(self, epoch: _Epoch) -> None:
        if epoch.sent is None and epoch.tallied:
            epoch.sent, epoch.tally, epoch.tallied = epoch.tally.counts(), Tally(), False
            epoch.number += 1
        if epoch.sent is not None:
            await self._store.count(epoch.rollout, epoch.epoch, self._sender, epoch.number, epoch.sent)
            epoch.sent = None

    async def _apply(self, epoch: _Epoch) -> None:
        """In small strides, unless much has come together: on a core that is shared with a worker no request
        should have to wait for all of it.
        """
        facts, epoch.facts = epoch.facts, []
        stride = max(STRIDE, len(facts) // STRIDES)
        try:
            while facts:
                await self._store.apply(epoch.rollout, epoch.epoch, facts[:stride], epoch.depth)
                del facts[:stride]
                if facts:
                    await asyncio.sleep(BREATH)
        finally:
            if facts:
                epoch.facts = facts + epoch.facts

    def forget(self, known: set[tuple[str, int]]) -> None:
        """Lets go of the epochs that are not `known` (rollout, epoch) and have nothing waiting."""
        for place, epoch in list(self._epochs.items()):
            if place not in known and not (epoch.facts or epoch.sent or epoch.tallied):
                del self._epochs[place]


def _fact(line: Line, exposure: Exposure, candidate: bool, p95: P95) -> tuple[UnitKey, Fact]:
    key = UnitKey(line.period, line.compared, exposure.unit)
    time = exposure.sealed or int(exposure.time * MILLISECONDS)
    request = Request(key, time, exposure.nonce, line.reference, line.stratum_index, candidate)
    cost = exposure.cost if exposure.cost >= 0 else None
    ending = Ending(
        line.status, line.served == line.variant, exposure.attempts, exposure.duration, line.streamed,
        exposure.first_token, cost,
    )  # fmt: skip
    return key, exposed(request, ending, p95)
