"""The ledger of evidence: brings exposures and outcomes into the store, however long that is away.

Outcomes come from the journal, in order, and leave it once the store has them; handed in twice, they count
once. Exposures wait in memory, up to a bound: one that is lost is restored by its request's outcome, as far
as evidence needs it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from gateway.channel.records import Exposure, Line
from gateway.control.entry import Entry, decode
from gateway.control.event_log.event_log import EventLog
from gateway.control.event_log.events import Place
from gateway.control.gather import Gathering
from gateway.control.journal import Journal
from gateway.control.terms import MILLISECONDS, AllTerms
from gateway.rhythm import next_moment
from gateway.store.base import Handle, Store, StoreError
from routing.evidence.fact import Fact, UnitKey, by_unit, reported, request_of
from routing.evidence.outcomes import CONFLICT, DUPLICATE, RECORDED, Receipt, Report, Value
from routing.request_id import Identity

_logger = logging.getLogger("headgate.control")
PAUSE = 0.5
"""Seconds between two batches of exposures, and at first between two attempts to reach the store …"""
LONGEST_PAUSE = 4.0
"""… and at last."""
REMEMBERED = 10_000
"""Entries that are remembered by their ids."""
OTHER = "_other"
GATEWAY, VALIDATION = "gateway", "validation_passed"
KEPT = 90 * 86_400.0
"""Seconds that the store remembers a request's outcomes: longer than any can come."""

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
        dropped: Callable[[int], None],
    ) -> None:
        self._store = store
        self._journal = journal
        self.terms = terms
        self._log = log
        self._counted = counted
        self._waiting: dict[str, asyncio.Future[list[str]]] = {}
        self._told: dict[str, None] = {}  # the last entries, in their order
        self._gathering = Gathering(store, dropped)
        self.away = False
        """Whether the store could not be reached lately."""

    def report(self, changed: Callable[[str], None]) -> None:
        """Has `changed` told of every rollout whose evidence has been changed here."""
        self._gathering.changed = changed

    # ── exposures ────────────────────────────────────────────────────────────────────────────────────

    def add(self, line: Line, exposures: Sequence[Exposure]) -> None:
        """Takes in what workers report of requests, as far as they are part of a rollout."""
        terms = self.terms.by_name.get((line.route, line.segment))
        if terms is not None and terms.rollout and terms.epoch == line.epoch:
            self._gathering.add(line, exposures, terms)

    async def keep_up(self) -> None:
        """Brings exposures to the store, for ever; sleeps while there are none."""
        pause = PAUSE
        while True:
            await self._gathering.news.wait()
            await next_moment(pause)
            pause = PAUSE if await self._reached(self.flush()) else min(pause * 2, LONGEST_PAUSE)
            self._gathering.forget({(one.rollout, one.epoch) for one in self.terms.by_name.values()})

    async def flush(self) -> None:
        """Brings what is held to the store. Raises StoreError; then it is held on."""
        await self._gathering.flush()

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
            await self._store.apply(rollout, epoch, by_unit(found), depth)
            self._gathering.changed(rollout)
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
            self._remember(entry.id)
            waiting = self._waiting.pop(entry.id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(statuses)

    def _believed(self, identity: Identity, report: Report) -> bool:
        """Whether the report is from the source whose word on this field counts."""
        terms = self.terms.by_hash.get((identity.route, identity.segment))
        by_gateway = terms is not None and terms.by_gateway
        return report.field != VALIDATION or by_gateway == (report.source == GATEWAY)

    def _remember(self, entry: str) -> None:
        """So that an entry which a worker handed in to two control planes is counted by one of them."""
        self._told[entry] = None
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
