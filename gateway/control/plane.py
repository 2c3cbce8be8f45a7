"""The control plane's state: the configuration being served, what workers report, whom to tell of news."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Sequence

import msgspec

from gateway.channel.link import Kind, Link
from gateway.channel.records import decode
from gateway.control.exposures import Exposures
from gateway.control.metrics import Metrics
from gateway.control.source import Source
from routing.request_id import Opener
from routing.snapshot import Snapshot

log = logging.getLogger("headgate.control")


class Feed:
    """Sends one worker the newest snapshot; what has become outdated while it was busy is skipped."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._newest: bytes | None = None
        self._sending: asyncio.Task[None] | None = None

    def push(self, snapshot: bytes) -> None:
        """The worker shall serve this; returns at once."""
        self._newest = snapshot
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while (snapshot := self._newest) is not None:
            self._newest = None
            await self._link.send(Kind.SNAPSHOT, snapshot)


class Plane:
    """Takes in what workers report; gives out what is to be served."""

    def __init__(self, source: Source, supervisor: Link, workers: Sequence[Link], metrics: Metrics) -> None:
        self.metrics = metrics
        self.exposures = Exposures()
        self.ready = False
        self._supervisor = supervisor
        self._feeds = [Feed(worker) for worker in workers]
        self._handing_over: asyncio.Task[bool] | None = None
        self._take(source)

    @property
    def snapshot(self) -> Snapshot:
        """What is being served."""
        return self.source.snapshot

    def _take(self, source: Source) -> None:
        self.source = source
        self.opener = Opener(source.snapshot.signing_keys)
        self.metrics.serves(source.snapshot, source.since)
        # After a control plane was killed between telling the supervisor and telling the workers, its
        # successor tells them; a worker that has this revision ignores it.
        message = pickle.dumps(source.snapshot, protocol=5)
        for feed in self._feeds:
            feed.push(message)

    async def adopt(self, source: Source) -> None:
        """Serves a newer source: the supervisor first, so that a process started from now on has it."""
        await self._supervisor.send(Kind.SOURCE, source.dump())
        self._take(source)

    async def roll(self) -> None:
        """Has the workers replaced by new processes, one after another."""
        await self._supervisor.send(Kind.ROLL)

    def on_records(self, kind: Kind, message: bytes) -> None:
        """A worker has said something."""
        if kind is not Kind.BATCH:
            return
        try:
            batch = decode(message)
        except msgspec.DecodeError:
            self.metrics.unreadable()
            log.warning("a worker's message could not be read")
            return
        self.metrics.merge(batch)
        self.exposures.add(batch.exposures)
