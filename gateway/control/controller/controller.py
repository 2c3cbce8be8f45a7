"""The controller: one replica at a time looks at the evidence, and moves rollouts by what `advance` says.

    every second: hold the lease ── look ── advance ── compare-and-set ── tell
                        │                                    │
                        └─ somebody else has it: only look   └─ somebody was first: nothing was done here

Exactly once: a document is put on the condition that nobody has put one since (its revision), and that nobody
has taken the lease since (its fencing token). Without the store nothing moves.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from time import monotonic, time

from gateway.control.controller.audit import entry_of
from gateway.control.controller.book import Book
from gateway.control.controller.follow import Follower
from gateway.control.controller.heartbeat import Heart
from gateway.control.controller.queries import Queries
from gateway.control.controller.recent import Newest
from gateway.control.controller.wishes import Wish
from gateway.control.terms import MILLISECONDS
from gateway.rhythm import next_moment
from gateway.store import base
from gateway.store.base import Conflict, Fenced, Lease, Store, StoreError
from routing.rollout.advance import advance, breaker_tripped
from routing.rollout.document import Document
from routing.rollout.epoch import redefined, settle
from routing.rollout.observed import Observed
from routing.rollout.phases import LIVE
from routing.rollout.transition import Step

log = logging.getLogger("headgate.control")
LOOK = 1.0
"""Seconds between two looks of the leader …"""
GLANCE = 5.0
"""… and between two at what is quiet, two of who only shows, and two refreshments of the intervals."""
LEASE, TTL = "controller", 5.0
PROBES = 3
"""Probes of a candidate that have to fail, on one replica, before it is given up."""

Told = Callable[[Document, Step, Wish], None]
"""Told of a step that this replica has made."""


class Controller:
    """`settled` says of a document whether the configuration has taken over what it promoted."""

    def __init__(
        self,
        store: Store,
        replica: str,
        book: Book,
        follower: Follower,
        heart: Heart,
        newest: Newest,
        queries: Queries,
        told: Told,
    ) -> None:
        self._store = store
        self._replica = replica
        self._book = book
        self._follower = follower
        self._heart = heart
        self._newest = newest
        self._queries = queries
        self._told = told
        self._lease: Lease | None = None
        self._until = 0.0
        self.settled: Callable[[Document], bool] = lambda document: False
        self.failing: Callable[[str, str], int] = lambda route, variant: 0
        """Probes that have failed on this replica since a variant's breaker opened."""

    @property
    def leads(self) -> bool:
        """Whether this replica moves rollouts now."""
        return self._lease is not None and monotonic() < self._until

    async def run(self) -> None:
        """Looks for ever."""
        await self._follower.met.wait()
        while True:
            if self._follower.reached:
                try:
                    await self._turn(monotonic())
                except Conflict as error:
                    log.info("%s", error)
                except StoreError as error:
                    log.debug("a look was not possible: %s", error)
            await next_moment(LOOK)

    async def _turn(self, started: float) -> None:
        await self._heart.beat(time())
        lease = await self._store.acquire(LEASE, self._replica, TTL)
        if lease is not None and (self._lease is None or self._lease.token != lease.token):
            log.info("this replica leads the rollouts: %s", self._replica)
        elif lease is None and self._lease is not None:
            log.info("another replica leads the rollouts")
        self._lease, self._until = lease, started + TTL
        for name, wish in list(self._book.wishes.items()):
            document = self._book.documents.get(name)
            if document is not None:
                await self._look(document, wish, started)
        await self._settle()
        self._book.publish()

    async def _look(self, document: Document, wish: Wish, now: float) -> None:
        if await self._redefine(document, wish) or await self._give_up(document, wish):
            return
        look = self._book.look(document.name)
        stale = now >= look.taken + GLANCE
        quiet = self._heart.alone and look.quiet(document, wish)
        if not (stale or (self.leads and document.phase in LIVE and not quiet)):
            return
        look.begin()
        observed = await self.observe(document)
        if self._book.documents[document.name] is not document:
            return  # moved meanwhile: what is found of the old one is no news
        at = round(time() * MILLISECONDS)
        findings = look.find(document, wish.plan, observed.evidence)
        step = advance(document, wish.plan, observed, at, findings)
        if step.evaluation is not None:
            look.evaluation = step.evaluation
            look.observed = observed
        if stale:
            look.taken = now
            look.refresh(document, wish.plan, observed, findings)
        if self.leads and step.document is not document:
            await self.commit(document, step, wish, self._lease, observed, at)
        look.end(document, wish)

    async def observe(self, document: Document) -> Observed:
        """All that is known of a rollout now. Raises StoreError."""
        return Observed(
            evidence=await self._store.evidence(document.name, document.epoch),
            queries=self._queries.answers(document.name),
            baseline=self._heart.baseline(document.name, time()),
            largest=self._newest.largest(document.name),
        )

    async def _redefine(self, document: Document, wish: Wish) -> bool:
        """Opens a new epoch when everybody's configuration has other variants, or asks for them anew."""
        if document.about(wish.identity.definition):
            return False
        if self.leads and self._heart.agreed(document.name):
            at = round(time() * MILLISECONDS)
            observed = await self.observe(document)
            step = redefined(document, wish.identity, wish.plan, at, observed=observed)
            await self.commit(document, step, wish, self._lease, observed, at)
        return True

    async def _give_up(self, document: Document, wish: Wish) -> bool:
        """Rolls a candidate back that this replica's breaker has found dead, whoever leads."""
        if document.phase not in LIVE or self.failing(document.route, document.candidate) < PROBES:
            return False
        at = round(time() * MILLISECONDS)
        baseline = self._newest.at_once(document.name)
        step = breaker_tripped(document, wish.plan, baseline, at, self._replica)
        if step.document is document:
            return False
        await self.commit(document, step, wish, None, None, at)
        return True

    async def _settle(self) -> None:
        """Not before everybody's configuration says so: who had the rollout still would ask for it anew."""
        for document in list(self._book.documents.values()):
            if not (self.leads and document.unsettled and self.settled(document)):
                continue
            if not self._heart.others_have(document.name, document.definition):
                at = round(time() * MILLISECONDS)
                step = settle(document, at)
                stored = base.Document(step.document.revision, step.document.to_json())
                entry = base.Entry(at, entry_of(document, step, None, None, at))
                await self._put(document, stored, self._lease, entry)
                log.info("rollout %s: the promotion of `%s` is settled", document.name, document.candidate)
                self._book.believe(step.document)

    async def commit(
        self,
        before: Document,
        step: Step,
        wish: Wish,
        lease: Lease | None,
        observed: Observed | None,
        now: int,
    ) -> None:
        """Makes a step of `now` the truth, and tells.

        Raises Conflict when somebody was first, and StoreError.
        """
        if step.document is before:
            return
        entry = None
        if step.transition is not None or step.verdict_changed:
            entry = base.Entry(now, entry_of(before, step, wish.plan, observed, now))
        stored = base.Document(step.document.revision, step.document.to_json())
        await self._put(before, stored, lease, entry)
        self._book.believe(step.document)
        self._book.publish()
        if step.document.epoch != before.epoch:
            with contextlib.suppress(StoreError):
                await self._store.end_epoch(before.name, before.epoch, KEPT)
        self._told(before, step, wish)

    async def _put(
        self, before: Document, stored: base.Document, lease: Lease | None, entry: base.Entry | None
    ) -> None:
        try:
            await self._store.put(
                before.name, stored, expected=before.revision, lease=lease, entry=entry
            )  # fmt: skip
        except Fenced:
            self._lease = None
            raise
        except Conflict:
            await self._follower.look()
            raise

    async def leave(self) -> None:
        """Lets another replica lead at once."""
        if self._lease is not None:
            lease, self._lease = self._lease, None
            with contextlib.suppress(StoreError):
                await self._store.release(lease)


KEPT = 90 * 86_400.0
"""Seconds that the evidence of an epoch is kept after its end."""
