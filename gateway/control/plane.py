"""The control plane's state: the configuration being served, what workers report, whom to tell of news."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from time import time
from typing import Any

import msgspec

from gateway.channel import answers, homes
from gateway.channel.link import Kind, Link
from gateway.channel.outcomes import Handed, decode_handed, encode
from gateway.channel.records import decode
from gateway.control.contents import Contents
from gateway.control.controller.first import UNIT_KEY
from gateway.control.controller.keep import keep
from gateway.control.controller.rollouts import Rollouts
from gateway.control.event_log.event_log import EventLog
from gateway.control.exposures import Exposures
from gateway.control.gains import Gains
from gateway.control.homes import Homes
from gateway.control.intake import Intake
from gateway.control.journal import open_journal
from gateway.control.judge import Judge
from gateway.control.ledger import Ledger
from gateway.control.metrics import Metrics
from gateway.control.source import Source
from gateway.control.standing import Watcher
from gateway.control.telemetry.sending import Sending
from gateway.control.telemetry.world import world_of
from gateway.control.terms import terms_of
from gateway.state import Unusable, adopt_unit_key
from gateway.store.base import StoreError
from gateway.store.registry import make
from routing.difficulty.thresholds import Told, adjusted
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
        self.source = source
        self.metrics = metrics
        self.exposures = Exposures()
        self.ready = False
        self._supervisor = supervisor
        self._feeds = [Feed(worker) for worker in workers]
        self._taking: dict[str, asyncio.Task[None]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        keys, url = source.snapshot.signing_keys, source.loaded.config.store.url.get_secret_value()
        self.store = make(url, source.state, keys)
        self.journal = open_journal(source.state / "journal")
        terms = terms_of(source.loaded.config, source.snapshot)
        self.log = EventLog(source.state / "log", source.loaded.config.capture, metrics.dropped)
        self.ledger = Ledger(self.store, self.journal, terms, self.log, metrics.reported, metrics.dropped)
        self.contents = Contents()
        self.judge = Judge(self.journal, metrics.judged, metrics.copy_judged)
        self.watcher = Watcher(self.store, metrics, terms)
        self.intake = Intake(self.journal, self.ledger, Opener(keys), terms)
        self.homes = Homes(self.store, metrics.dropped)
        self.rollouts = Rollouts(
            self.store, source.replica, source.documents, metrics, self._moved, self._share_secret
        )  # fmt: skip
        self.ledger.report(self.rollouts.changed)
        self.gains = Gains(self._adjust)
        metrics.show_drifts(self.gains.drifts)
        self._moving: asyncio.Task[None] | None = None
        self._adopting = asyncio.Lock()
        self.sending: Sending | None = None
        if source.telemetry is not None:
            world = world_of(source.loaded.config, source.snapshot)
            self.sending = Sending(source.telemetry, world, metrics.telemetry_lost)
            metrics.telemetry_lost("traces", 0)
        self._take(source)

    @property
    def snapshot(self) -> Snapshot:
        """What is being served."""
        return self.source.snapshot

    def _adjust(self, told: Told) -> None:
        """Thresholds have moved: under the same revision, because nothing else has."""
        self.source = replace(self.source, snapshot=adjusted(self.source.snapshot, told))
        self.metrics.serves(self.source.snapshot, self.source.since)

    def _take(self, source: Source) -> None:
        self.source = source
        self.opener = self.intake.opener = Opener(source.snapshot.signing_keys)
        self.ledger.terms = self.intake.terms = self.watcher.terms = terms_of(
            source.loaded.config, source.snapshot, source.documents
        )
        self.rollouts.take(source.loaded.config)
        self.judge.learn(source.loaded.config)
        self.log.take(source.loaded.config.capture)
        self.gains.take(source.snapshot)
        self.metrics.serves(source.snapshot, source.since)
        self.metrics.models(source.estimators.stale(source.loaded.config))
        if self.sending is not None:
            self.sending.serves(world_of(source.loaded.config, source.snapshot))
        # After a control plane was killed between telling the supervisor and telling the workers, its
        # successor tells them; a worker that has this revision ignores it.
        message = pickle.dumps(source.snapshot, protocol=5)
        for feed in self._feeds:
            feed.push(message)

    async def adopt(self, source: Source) -> None:
        """Serves another configuration, with rollouts as they are by now.

        The supervisor gets it first, so that a process started from now on has it.
        """
        async with self._adopting:
            before = self.source
            revision = max(source.snapshot.revision, before.snapshot.revision + 1)
            source = source.moved(before.secrets, dict(self.rollouts.documents), revision, time())
            source = replace(source, snapshot=adjusted(source.snapshot, self.gains.told))
            await self._supervisor.send(Kind.SOURCE, source.dump())
            self._take(source)

    def _moved(self) -> None:
        """A rollout stands differently: workers have to know, and so has the next start of this machine."""
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move())

    async def _move(self) -> None:
        while self.rollouts.documents != self.source.documents:
            await self.adopt(self.source)
            source = self.source
            try:
                await asyncio.to_thread(
                    keep, source.state, source.snapshot.signing_keys, source.documents
                )  # fmt: skip
            except OSError as error:
                log.error("the rollouts could not be kept for a start without the store: %s", error.strerror)

    async def _share_secret(self) -> None:
        """Takes the secret behind salts from the store, which gets ours if it has none. Raises StoreError."""
        secrets = self.source.secrets
        shared = await self.store.claim(UNIT_KEY, secrets.unit_key)
        if shared != secrets.unit_key:
            try:
                await asyncio.to_thread(adopt_unit_key, self.source.state, shared)
            except Unusable as error:
                log.error("the secret that replicas share could not be kept: %s", error)
            self.source = replace(self.source, secrets=replace(secrets, unit_key=shared))
            await self.adopt(self.source)

    async def roll(self) -> None:
        """Has the workers replaced by new processes, one after another."""
        await self._supervisor.send(Kind.ROLL)

    def work(self) -> Iterable[Coroutine[Any, Any, None]]:
        """What has to be done for ever."""
        yield from (self.ledger.keep_up(), self.ledger.follow(), self.watcher.watch(), self.log.keep_up())
        yield self.homes.keep_up()
        yield from self.rollouts.work()
        if self.sending is not None:
            yield self.sending.keep_up()

    async def close(self) -> None:
        """Brings to the store what it will take, and lets go."""
        # Beside the rest, which must not be cut short because a receiver of telemetry takes its time.
        sent = asyncio.create_task(self.sending.close()) if self.sending is not None else None
        await self.judge.close()
        with contextlib.suppress(StoreError):
            await self.ledger.flush()
        with contextlib.suppress(StoreError):
            await self.homes.flush()
        await self.rollouts.close()
        await self.log.close()
        await self.journal.close()
        await self.store.close()
        if sent is not None:
            await sent

    def on_message(self, worker: Link, kind: Kind, message: bytes) -> None:
        """A worker has said something."""
        try:
            if kind is Kind.BATCH:
                batch = decode(message)
                lines = batch.lines()
                self.metrics.merge(batch)
                self.gains.heard(worker)
                if self.sending is not None:
                    self.sending.add(message, sum(len(exposures) for _, exposures in lines))
                for packed, (line, exposures) in zip(batch.exposures, lines, strict=True):
                    self.exposures.add(packed, len(exposures))
                    self.ledger.add(line, exposures)
                    self.rollouts.add(line, exposures)
                    self.gains.add(line, exposures)
                    self.log.exposures(line, exposures, self.contents.of)
                self.gains.look()
            elif kind is Kind.OUTCOMES:
                self._take_outcomes(worker, decode_handed(message))
            elif kind is Kind.ANSWER:
                self._look_at(answers.decode(message))
            elif kind is Kind.COPIED:
                self.judge.copied(answers.decode_copied(message))
            elif kind is Kind.MADE:
                made = homes.decode_made(message)
                self.homes.add(made.name, made.home)
            elif kind is Kind.WHERE:
                self._look_up(worker, homes.decode_asked(message))
        except msgspec.DecodeError:
            self.metrics.dropped()
            log.warning("a worker's message could not be read")

    def _look_at(self, answer: answers.Answered) -> None:
        self.judge.answered(answer)
        if self.log.captures:
            self.contents.add(answer if self.log.content else msgspec.structs.replace(answer, body=b""))

    def _take_outcomes(self, worker: Link, handed: Handed) -> None:
        """Answers the worker when they are durable; handed in again meanwhile, they are being answered."""
        if handed.id in self._taking:
            return

        async def take() -> None:
            try:
                worker.try_send(Kind.RECEIPTS, encode(await self.intake.take(handed, time())))
            finally:
                del self._taking[handed.id]

        self._taking[handed.id] = asyncio.create_task(take())

    def _look_up(self, worker: Link, asked: homes.Asked) -> None:
        """Tells the worker where a response is, once that is known, or known to be unknown."""

        async def look_up() -> None:
            try:
                told = homes.Told(asked.number, await self.homes.find(asked.name))
            except StoreError:
                told = homes.Told(asked.number, b"", sure=False)
            worker.try_send(Kind.HOME, homes.encode(told))

        task = asyncio.create_task(look_up())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)
