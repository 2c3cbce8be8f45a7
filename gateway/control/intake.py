"""Takes reported outcomes in: opens their request ids, writes them down, says what became of them."""

from __future__ import annotations

import logging

from gateway.channel.outcomes import Handed, Receipts, Reported
from gateway.control.entry import Attributed, Entry, encode
from gateway.control.journal import Full, Journal
from gateway.control.ledger import Ledger
from gateway.control.terms import MILLISECONDS, MONTH, AllTerms
from routing.request_id import InvalidRequestId, Opener, nonce_of

log = logging.getLogger("headgate.control")
STORED = 1.0
"""Seconds that an answer waits to learn what the store knows; it is durable before that."""


class Intake:
    """`opener` and `terms` are those of the snapshot being served; replaced with it."""

    def __init__(self, journal: Journal, ledger: Ledger, opener: Opener, terms: AllTerms) -> None:
        self._journal = journal
        self._ledger = ledger
        self.opener = opener
        self.terms = terms
        self._refusing = False

    async def take(self, handed: Handed, now: float) -> Receipts:
        """What became of each report, once it is on the disk; `now` on the wall clock.

        Without statuses when it could not be written.
        """
        time = int(now * MILLISECONDS)
        judged = [self._judge(report, handed.application, time) for report in handed.reports]
        outcomes = tuple(one for one in judged if isinstance(one, Attributed))
        counted: list[str] = []
        if outcomes:
            entry = Entry(handed.id, time, "application", outcomes)
            settled = self._ledger.expect(entry)
            try:
                await self._journal.append(encode(entry))
            except (Full, OSError) as error:
                self._ledger.forget(entry)
                if not self._refusing:
                    log.error("outcomes cannot be written down: %s", str(error) or "the journal is full")
                self._refusing = True
                return Receipts(handed.id, ())
            if self._refusing:
                log.info("outcomes are written down again")
            self._refusing = False
            counted = await self._ledger.statuses(entry, settled, STORED)
        rest = iter(counted)
        return Receipts(handed.id, tuple(one if isinstance(one, str) else next(rest) for one in judged))

    def _judge(self, report: Reported | None, application: int, now: int) -> Attributed | str:
        """The outcome with its request; or what is to be said of one that cannot count."""
        if report is None:
            return "invalid"
        try:
            identity = self.opener.open(report.request_id)
        except InvalidRequestId:
            return "invalid"
        if identity.application != application or not identity.route:
            return "unknown"
        terms = self.terms.by_hash.get((identity.route, identity.segment))
        if now - identity.time > (terms.ttl if terms is not None else MONTH * MILLISECONDS):
            return "expired"
        return Attributed(tuple(identity), nonce_of(report.request_id), report)
