"""Keeps the book and the store alike: the store's newer document is believed, an older one is corrected.

    the store has      the book has       then
    ─────────────      ────────────       ────
    nothing            nothing            the first epoch opens
    nothing, older     a document         the store gets it back
    newer              any, or nothing    it is believed
    not ours           a document         the store gets it back
    not ours           nothing            everything stays with the baseline, and somebody is told

A store that does not answer changes nothing: weights freeze.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import time

from gateway.control.controller.audit import entry_of
from gateway.control.controller.book import Book
from gateway.control.controller.wishes import Wish
from gateway.control.terms import MILLISECONDS
from gateway.rhythm import next_moment_or
from gateway.store import base
from gateway.store.base import Conflict, Store, StoreError, Tampered
from routing.rollout.document import Document, InvalidDocument
from routing.rollout.epoch import first_epoch

log = logging.getLogger("headgate.control")
POLL = 1.0
"""Seconds between two looks: the store's news only hurry."""

Moved = Callable[[Document, Document | None], None]
"""Told of a document that is believed from now on, and of the one before it."""


class Follower:
    """`met` is awaited before the first epoch is opened, once the store answers."""

    def __init__(self, store: Store, book: Book, met: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._book = book
        self._met = met
        self._hurry = asyncio.Event()
        self._refused: set[str] = set()
        self._learnt: dict[str, base.Document] = {}
        self.reached = False
        """Whether the store has answered the last time that it was asked."""
        self.met = asyncio.Event()
        """Set once it has answered."""

    async def follow(self) -> None:
        """Looks for ever."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await self.look()
                self._hurry.clear()
                await next_moment_or(self._hurry, POLL)
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        async for _ in self._store.news():
            self._hurry.set()

    async def look(self) -> None:
        """Makes both alike, as far as the store answers now."""
        try:
            if not self.reached:
                await self._met()
            stored = await self._store.documents()
            for name, wish in list(self._book.wishes.items()):
                await self._compare(name, wish, stored)
            for name in stored.keys() - self._book.wishes.keys():
                self._learn(name, stored[name])  # of a segment that is settled, or not configured here yet
            self.reached = True
            self.met.set()
        except StoreError as error:
            if self.reached:
                log.error("the store cannot be reached; rollouts stay as they are: %s", error)
            self.reached = False
        self._book.publish()

    async def _compare(self, name: str, wish: Wish, stored: Mapping[str, base.Document | None]) -> None:
        ours = self._book.documents.get(name)
        there = stored.get(name)
        if name not in stored:
            await self._met()  # what has lost one document has lost the secrets too
            await (self._open(wish) if ours is None else self._correct(ours, 0))
        elif there is None:
            await self._repair(name, ours)
        elif ours is not None and there.revision < ours.revision:
            await self._correct(ours, there.revision)
        else:
            self._learn(name, there)

    def _learn(self, name: str, there: base.Document | None) -> None:
        ours = self._book.documents.get(name)
        if there is None or (ours is not None and there.revision < ours.revision):
            return
        if ours is not None and self._learnt.get(name) is there:
            return  # seen before
        try:
            self._book.believe(Document.from_json(there.body))
            self._learnt[name] = there
        except InvalidDocument as error:
            self._say(name, str(error))

    async def _open(self, wish: Wish) -> None:
        now = round(time() * MILLISECONDS)
        step = first_epoch(wish.identity, wish.plan, now)
        document = base.Document(step.document.revision, step.document.to_json())
        entry = base.Entry(now, entry_of(None, step, wish.plan, None, now))
        with contextlib.suppress(Conflict):  # another replica was first: the next look sees its document
            await self._store.put(wish.name, document, expected=0, entry=entry)
            self._book.believe(step.document)

    async def _correct(self, ours: Document, expected: int) -> None:
        what = f"revision {expected}" if expected else "nothing"
        log.warning(
            "%s: the store has %s, we know revision %d: it gets that back", ours.name, what, ours.revision
        )
        with contextlib.suppress(Conflict):
            await self._store.put(
                ours.name, base.Document(ours.revision, ours.to_json()), expected=expected
            )  # fmt: skip

    async def _repair(self, name: str, ours: Document | None) -> None:
        try:
            await self._store.document(name)
        except Tampered as error:
            if ours is None:
                self._say(name, str(error))
            elif error.revision < ours.revision:
                await self._correct(ours, error.revision)
            else:
                self._say(name, f"{error}; its revision is above ours")

    def _say(self, name: str, what: str) -> None:
        if name not in self._refused:
            self._refused.add(name)
            log.error("%s: the store's document is not used: %s", name, what)
