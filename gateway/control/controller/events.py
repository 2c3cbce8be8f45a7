"""What happens, for whoever listens: reloads, and what moves rollouts, whichever replica does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from gateway.store.base import Store, StoreError
from routing.rollout.document import Document

log = logging.getLogger("headgate.control")
WAITING = 1_000
"""Events that wait for a listener at most; one that is slower misses the oldest."""
LATEST = 50
"""Entries of a history looked at for what is new."""


class Event(NamedTuple):
    """`kind` is `transition`, `verdict` or `reload`."""

    kind: str
    data: Mapping[str, Any]


class Events:
    """Hands events to every listener."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[asyncio.Queue[Event]] = set()
        self._reading: set[asyncio.Task[None]] = set()

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something has happened."""
        for listener in self._listeners:
            if listener.full():
                listener.get_nowait()
            listener.put_nowait(Event(kind, data))

    def changed(self, document: Document, before: Document | None) -> None:
        """A rollout's document is another one: what its history says of that is told."""
        if before is None or not self._listeners:
            return
        task = asyncio.create_task(self._read(document, before.revision))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, document: Document, revision: int) -> None:
        try:
            entries = await self._store.history(document.name, LATEST)
        except StoreError as error:
            log.debug("a history could not be read: %s", error)
            return
        place = {"route": document.route, "segment": document.segment}
        for entry in entries:
            if entry.authentic and int(entry.body.get("revision", 0)) > revision:
                self.publish(str(entry.body.get("kind")), place | line_of(entry.body))

    async def listen(self) -> AsyncIterator[Event]:
        """Every event from now on."""
        queue: asyncio.Queue[Event] = asyncio.Queue(WAITING)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)


FIELDS = ("time", "revision", "actor", "cause", "from", "to", "weight", "reasons", "epoch", "period", "stage")


def line_of(body: Mapping[str, Any], *, records: bool = False) -> dict[str, Any]:
    """What people are shown of an audit entry; with `records` also what it was made of."""
    more = ("verdict", "guardrails", "record") if records else ("verdict", "guardrails")
    return {name: body[name] for name in (*FIELDS, *more) if name in body}
