"""The ledger of evidence: brings exposures and outcomes into the store, however long that is away.

Outcomes come from the journal, in order, and leave it once the store has them; handed in twice, they count
once. Exposures wait in memory, up to a bound: one that is lost is restored by its request's outcome, as far
as evidence needs it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

import msgspec

from gateway.channel.records import Exposure
from gateway.control.entry import Entry, decode
from gateway.control.event_log.event_log import EventLog
from gateway.control.event_log.events import Place
from gateway.control.journal import Journal
from gateway.control.terms import MILLISECONDS, AllTerms, Terms
from gateway.store.base import Handle, Store, StoreError
from routing.evidence.fact import P95, Ending, Fact, Request, UnitKey, exposed, reported, request_of
from routing.evidence.outcomes import CONFLICT, DUPLICATE, RECORDED, Receipt, Report, Value
from routing.request_id import Identity

_logger = logging.getLogger("headgate.control")
HELD = 50_000
"""Exposures that wait for the store at most; some 25 MB."""
PAUSE = 0.5
"""Seconds between two batches of exposures, and at first between two attempts to reach the store …"""
LONGEST_PAUSE = 4.0
"""… and at last."""
STRIDE, STRIDES, BREATH = 25, 20, 0.005
"""Exposures that go to the store together at least, strides of a batch at most, seconds between two."""
ASLEEP = 10_000
"""Exposures of a rollout that are remembered before its first outcome."""
REMEMBERED = 10_000
"""Entries whose statuses are remembered."""
OTHER = "_other"
GATEWAY, VALIDATION = "gateway", "validation_passed"
KEPT = 90 * 86_400.0
"""Seconds that the store remembers a request's outcomes: longer than any can come."""

NOT_FROZEN = P95()
"""Of a rollout whose baseline is not known well enough yet: latency is shown and not tested."""

Counted = Callable[[tuple[str, str, str], str, Value, str], None]
"""Told of every report that counts: route, segment and variant; field; value; status."""
Batch = tuple[str, int, int]
"""Rollout, epoch, outcomes a unit."""


class Ledger:
    """`terms` are those of the snapshot being served; replaced with it."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        terms: AllTerms,
        log: EventLog,
        counted: Counted,
        dropped: Callable[[], None],
    ) -> None:
        self._store = store
        self._journal = journal
        self.terms = terms
        self._log = log
        self._counted = counted
        self._dropped = dropped
        self._waiting: dict[str, asyncio.Future[list[str]]] = {}
        self._told: dict[str, list[str]] = {}  # the last entries' statuses
        self._facts: dict[Batch, list[tuple[UnitKey, Fact]]] = {}
        self._held = 0
        self._asleep: dict[Batch, deque[Exposure]] = {}
        self._awake: set[Batch] = set()
        self.away = False
        """Whether the store could not be reached lately."""

    # ── exposures ────────────────────────────────────────────────────────────────────────────────────

    def add(self, exposures: Iterable[Exposure]) -> None:
        """Takes in what workers report of requests that are part of a rollout.

        Until the first outcome of a rollout comes, nobody can compare its variants: what would be evidence is
        remembered, as far back as that may be, and costs no more than that.
        """
        for exposure in exposures:
            terms = self._by_name(exposure)
            if terms is None:
                continue
            place = terms.rollout, terms.epoch, terms.depth
            if place in self._awake:
                self._take(place, exposure, terms)
                continue
            asleep = self._asleep.get(place)
            if asleep is None:
                asleep = self._asleep[place] = deque(maxlen=ASLEEP)
            asleep.append(exposure)

    def wake(self, terms: Terms) -> None:
        """The rollout has evidence of outcomes: from now on every exposure is brought to the store."""
        place = terms.rollout, terms.epoch, terms.depth
        if place not in self._awake:
            self._awake.add(place)
            for exposure in self._asleep.pop(place, ()):
                self._take(place, exposure, terms)

    def _take(self, place: Batch, exposure: Exposure, terms: Terms) -> None:
        if self._held >= HELD:
            self._dropped()
            return
        request = _request_of(exposure, terms)
        fact = exposed(request, _ending(exposure), NOT_FROZEN)
        self._facts.setdefault(place, []).append((request.key, fact))
        self._held += 1

    def _by_name(self, exposure: Exposure) -> Terms | None:
        terms = self.terms.by_name.get((exposure.route, exposure.segment))
        return terms if terms is not None and terms.rollout and terms.epoch == exposure.epoch else None

    async def keep_up(self) -> None:
        """Brings exposures to the store, for ever."""
        pause = PAUSE
        while True:
            await asyncio.sleep(pause)
            pause = PAUSE if await self._reached(self.flush()) else min(pause * 2, LONGEST_PAUSE)

    async def flush(self) -> None:
        """Brings what is held to the store. Raises StoreError; then it is held on.

        In small strides, unless much has come together: on a core that is shared with a worker no request
        should have to wait for all of it.
        """
        for place in list(self._facts):
            facts = self._facts.pop(place)
            stride = max(STRIDE, len(facts) // STRIDES)
            try:
                while facts:
                    await self._store.apply(place[0], place[1], facts[:stride], place[2])
                    self._held -= len(facts[:stride])
                    del facts[:stride]
                    await asyncio.sleep(BREATH)
            finally:
                if facts:
                    self._facts[place] = facts + self._facts.get(place, [])

    # ── outcomes ─────────────────────────────────────────────────────────────────────────────────────

    def expect(self, entry: Entry) -> asyncio.Future[list[str]]:
        """Comes true with the statuses of the entry's outcomes, once it has come through the journal."""
        return self._waiting.setdefault(entry.id, asyncio.get_running_loop().create_future())

    def forget(self, entry: Entry) -> None:
        """It will not come."""
        self._waiting.pop(entry.id, None)

    async def statuses(self, entry: Entry, settled: asyncio.Future[list[str]], patience: float) -> list[str]:
        """What became of the outcomes; `recorded`, when the store does not say in `patience` seconds."""
        if not self.away:
            await asyncio.wait((settled,), timeout=patience)
        self.forget(entry)
        return settled.result() if settled.done() else [RECORDED] * len(entry.outcomes)

    async def follow(self) -> None:
        """Brings what the journal holds to the store, for ever."""
        while True:
            entries = list(_readable(await self._journal.read()))
            pause = PAUSE
            while not await self._reached(self._write(entries)):
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            while not await self._reached(self._store.settle()):
                await asyncio.sleep(LONGEST_PAUSE)
            self._journal.consumed()

    async def _reached(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the store did it; tells once when it goes away, and once when it is back."""
        try:
            await work
        except StoreError as error:
            if not self.away:
                _logger.error("the store cannot be reached; outcomes are kept in the journal: %s", error)
            self.away = True
            return False
        if self.away:
            _logger.info("the store is back")
        self.away = False
        return True

    async def _write(self, entries: list[Entry]) -> None:
        reports: dict[Handle, list[Report]] = {}
        for entry in entries:
            for at, outcome in enumerate(entry.outcomes):
                handle = Handle(outcome.of.time, outcome.nonce)
                reports.setdefault(handle, []).extend(entry.reports(at))
        given = await self._store.record(reports, KEPT)
        facts: dict[Batch, list[tuple[UnitKey, Fact]]] = {}
        for entry in entries:
            for at in range(len(entry.outcomes)):
                self._attribute(entry, at, facts)
        for (rollout, epoch, depth), found in facts.items():
            await self._store.apply(rollout, epoch, found, depth)
        self._tell(entries, {handle: iter(receipts) for handle, receipts in given.items()})

    def _attribute(self, entry: Entry, at: int, facts: dict[Batch, list[tuple[UnitKey, Fact]]]) -> None:
        """Adds what one outcome says to the evidence, if it is any: in time, and of the present epoch."""
        outcome = entry.outcomes[at]
        identity, report = outcome.of, outcome.report
        terms = self.terms.by_hash.get((identity.route, identity.segment))
        if terms is None or terms.candidate is None or terms.epoch != identity.epoch:
            return
        if entry.time - identity.time > terms.window:
            return
        self.wake(terms)
        request = request_of(identity, outcome.nonce, terms.candidate.hash)
        counts = terms.by_gateway == (entry.source == GATEWAY)
        fact = reported(
            request, report.validation_passed if counts else None, report.needs_review, report.score,
            by_application=entry.source != GATEWAY,
        )  # fmt: skip
        place = terms.rollout, terms.epoch, terms.depth
        facts.setdefault(place, []).append((request.key, fact))

    def _tell(self, entries: list[Entry], receipts: dict[Handle, Iterator[Receipt]]) -> None:
        """Counts what was taken, and answers whoever waits."""
        for entry in entries:
            again = entry.id in self._told
            statuses = []
            for at, outcome in enumerate(entry.outcomes):
                given = receipts[Handle(outcome.of.time, outcome.nonce)]
                told = [(report, next(given)) for report in entry.reports(at)]
                for report, receipt in told:
                    if receipt.counts and not again and self._believed(outcome.of, report):
                        place = self._where(outcome.of)
                        labels = place.route or OTHER, place.segment or OTHER, place.variant or OTHER
                        self._counted(labels, report.field, report.value, receipt.status)
                statuses.append(_status([receipt.status for _, receipt in told]))
                if not again:
                    self._log.outcome(
                        outcome.nonce, entry.time / MILLISECONDS, entry.source, outcome.report, statuses[-1],
                        self._where(outcome.of),
                    )  # fmt: skip
            self._remember(entry.id, statuses)
            waiting = self._waiting.pop(entry.id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(statuses)

    def _believed(self, identity: Identity, report: Report) -> bool:
        """Whether the report is from the source whose word on this field counts."""
        terms = self.terms.by_hash.get((identity.route, identity.segment))
        by_gateway = terms is not None and terms.by_gateway
        return report.field != VALIDATION or by_gateway == (report.source == GATEWAY)

    def _remember(self, entry: str, statuses: list[str]) -> None:
        """So that an entry which a worker handed in to two control planes is counted by one of them."""
        self._told[entry] = statuses
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]

    def _where(self, identity: Identity) -> Place:
        """Names of what the id holds hashes of, as far as they are still configured."""
        application = self.terms.applications.get(identity.application)
        terms = self.terms.by_hash.get((identity.route, identity.segment))
        if terms is None:
            return Place(application)
        variants = terms.route.variants.values()
        variant = next((one.name for one in variants if one.hash == identity.variant), None)
        return Place(application, terms.route.name, terms.segment.name, variant)


def _status(statuses: list[str]) -> str:
    """One outcome's, of those of its fields: a contradiction shows, and anything new makes it recorded."""
    if CONFLICT in statuses:
        return CONFLICT
    return RECORDED if RECORDED in statuses or not statuses else DUPLICATE


def _readable(payloads: Iterable[bytes]) -> Iterator[Entry]:
    for payload in payloads:
        try:
            yield decode(payload)
        except msgspec.DecodeError:
            _logger.error("an entry of the journal cannot be read and is left out")


def _request_of(exposure: Exposure, terms: Terms) -> Request:
    key = UnitKey(exposure.period, exposure.compared, exposure.unit)
    time = exposure.sealed or int(exposure.time * MILLISECONDS)
    candidate = terms.candidate is not None and exposure.variant == terms.candidate.name
    return Request(key, time, exposure.nonce, exposure.reference, exposure.stratum_index, candidate)


def _ending(exposure: Exposure) -> Ending:
    return Ending(
        exposure.status, exposure.served == exposure.variant, exposure.attempts, exposure.duration,
        exposure.streamed, exposure.first_token, exposure.cost if exposure.cost >= 0 else None,
    )  # fmt: skip
