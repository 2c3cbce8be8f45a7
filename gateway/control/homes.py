"""Keeps the homes of stored responses: for all workers, and in the store for other replicas and for later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from gateway.store.base import Store, StoreError

KEPT = 30 * 86_400.0
"""Seconds that a home is kept: as long as OpenAI keeps a response unless told otherwise."""
REMEMBERED = 50_000
"""Homes in memory."""
UNSAVED = 200_000
"""Homes that wait for a store that is away; beyond it the oldest go."""
PAUSE = 0.05
"""Seconds between two writes, and at first between two attempts …"""
LONGEST_PAUSE = 4.0
"""… and at last."""
PATIENCE = 0.5
"""Seconds in which another worker or replica may still come with a home that is asked for."""
LOOK = 0.05
"""Seconds between the first two looks into the store; then twice as long each time."""
log = logging.getLogger("headgate.control")


class Homes:
    """Homes by the names of their responses, both as they travel; `dropped` counts what is lost."""

    def __init__(self, store: Store, dropped: Callable[[int], None]) -> None:
        self._store = store
        self._dropped = dropped
        self._known: dict[bytes, bytes] = {}
        self._unsaved: dict[bytes, bytes] = {}
        self._news = asyncio.Event()
        self._awaited: dict[bytes, list[asyncio.Future[bytes]]] = {}

    def add(self, name: bytes, home: bytes) -> None:
        """A worker has made a response."""
        self._remember(name, home)
        self._unsaved[name] = home
        if len(self._unsaved) > UNSAVED:
            del self._unsaved[next(iter(self._unsaved))]
            self._dropped(1)
        self._news.set()
        for waiting in self._awaited.pop(name, ()):
            if not waiting.done():
                waiting.set_result(home)

    async def find(self, name: bytes) -> bytes:
        """The home of a response; empty when nobody knows of it. Raises StoreError when the store is away.

        One may be asked for while whoever made it is still telling: workers' messages come in no common
        order, and a replica writes to the store a moment after it has answered.
        """
        known = self._known.get(name)
        if known is not None:
            return known
        arriving = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(name, []).append(arriving)
        until, pause = monotonic() + PATIENCE, LOOK
        try:
            while not arriving.done():
                found = await self._store.home(name)
                if found:
                    self._remember(name, found)
                    return found
                left = until - monotonic()
                if left <= 0:
                    return b""
                await asyncio.wait((arriving,), timeout=min(left, pause))
                pause *= 2
            home: bytes = arriving.result()
            return home
        finally:
            self._forget(name, arriving)

    async def keep_up(self) -> None:
        """Brings homes to the store, for ever."""
        pause = PAUSE
        while True:
            await self._news.wait()
            try:
                await self.flush()
                pause = PAUSE
            except StoreError as error:
                if pause == PAUSE:
                    log.error("where responses are stored cannot be written down: %s", error)
                pause = min(pause * 2, LONGEST_PAUSE)
                self._news.set()
            await asyncio.sleep(pause)

    async def flush(self) -> None:
        """Brings what is held to the store. Raises StoreError; then it is held on."""
        self._news.clear()
        homes = dict(self._unsaved)
        if not homes:
            return
        await self._store.keep_homes(homes, KEPT)
        for name, home in homes.items():
            if self._unsaved.get(name) == home:
                del self._unsaved[name]

    def _remember(self, name: bytes, home: bytes) -> None:
        self._known.pop(name, None)
        self._known[name] = home
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def _forget(self, name: bytes, arriving: asyncio.Future[bytes]) -> None:
        """Nobody waits here any more."""
        waiting = self._awaited.get(name)
        if waiting is not None:
            waiting.remove(arriving)
            if not waiting:
                del self._awaited[name]
