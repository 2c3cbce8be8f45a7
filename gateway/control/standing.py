"""Looks at the store now and then: for the gauges that are the same on every replica.

That is the evidence, and when the store was first used. The latter is written down in the store by whoever
finds nothing there, so that a store which comes back empty shows a new time.
"""

from __future__ import annotations

import contextlib
from time import monotonic, time

from gateway.control.metrics import Metrics
from gateway.control.terms import AllTerms, Terms
from gateway.rhythm import next_moment
from gateway.store.base import Store, StoreError
from routing.evidence.standing import standings
from routing.snapshot import Rollout

LOOK = 5.0
"""Seconds between two looks …"""
SWEEP = 60.0
"""… and between two times that the store deletes what is past its time."""

INITIALIZED = "initialized"
"""The name in the store of when it was first used: seconds since 1970, in ASCII."""


class Watcher:
    """`terms` are those of the snapshot being served; replaced with it."""

    def __init__(self, store: Store, metrics: Metrics, terms: AllTerms) -> None:
        self._store = store
        self._metrics = metrics
        self.terms = terms
        self._swept = 0.0

    async def watch(self) -> None:
        """Looks for ever; while the store is away the last values stand."""
        while True:
            with contextlib.suppress(StoreError):
                await self._look_at_birth()
            with contextlib.suppress(StoreError):
                for terms in self.terms.by_name.values():
                    await self._look(terms)
            if monotonic() >= self._swept + SWEEP:
                self._swept = monotonic()
                with contextlib.suppress(StoreError):
                    await self._store.sweep()
            await next_moment(LOOK)

    async def _look_at_birth(self) -> None:
        told = await self._store.claim(INITIALIZED, b"%.3f" % time())
        with contextlib.suppress(ValueError):
            self._metrics.store_initialized(float(told))

    async def _look(self, terms: Terms) -> None:
        assignment = terms.segment.assignment
        if not isinstance(assignment, Rollout):
            return
        evidence = await self._store.evidence(terms.rollout, terms.epoch)
        names = {True: assignment.candidate.name, False: assignment.baseline.name}
        found = standings(evidence, assignment.period)
        place = terms.route.name, terms.segment.name
        self._metrics.stands(place, {names[side]: standing for side, standing in found.items()})
