"""Writes, held until the event loop has gone through everything that was ready.

A write wakes its reader. Written one by one between two pieces of work, every write finds its reader asleep
again and pays for waking it, which on a busy machine costs more than the write; written together, one wake
serves many. Several writes to one connection also become one.

A quiet machine should not wait for company that does not come: the first write of a millisecond goes at
once. And a crowd must not stay one: what leaves together comes back together, requests from their upstream as
answers from their clients, and each would wait for all the others time after time. Hence no more than `most`
wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

TOGETHER: Final = 12
"""Writes that leave together: with four a busy worker pays for more wake-ups, without end a crowd stays."""
log: Final = logging.getLogger("headgate.worker")


class Writer(Protocol):
    """A connection with something to write."""

    def flush(self) -> None:
        """Writes what is held."""
        ...

    def abort(self) -> None:
        """Closes at once."""
        ...


class Outbox:
    """The connections that have something to write in this turn of the event loop; `most` wait at once."""

    __slots__ = ("_last", "_loop", "_most", "_writers")

    def __init__(self, most: int = TOGETHER) -> None:
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None  # kept: to ask for it costs a system call
        self._writers: list[Writer] = []
        self._last = 0.0

    def add(self, writer: Writer) -> None:
        """Has `writer` flushed, now or once the events that are ready have been handled."""
        if not self._writers:
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            now = loop.time()  # uvloop's is in whole milliseconds
            if now != self._last:
                self._last = now
                writer.flush()
                return
            loop.call_soon(self._flush)
        self._writers.append(writer)
        if len(self._writers) >= self._most:
            self._flush()

    def _flush(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            try:
                writer.flush()
            except Exception:  # one broken connection must not cost the others their answers
                log.exception("a write failed")
                writer.abort()
