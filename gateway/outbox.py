"""Writes, held until the event loop has gone through everything that was ready.

A write wakes its reader. Written one by one between two pieces of work, every write finds its reader asleep
again and pays for waking it, which on a busy machine costs more than the write; written together, one wake
serves many. Several writes to one connection also become one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

log = logging.getLogger("headgate.worker")


class Writer(Protocol):
    """A connection with something to write."""

    def flush(self) -> None:
        """Writes what is held."""
        ...

    def abort(self) -> None:
        """Closes at once."""
        ...


class Outbox:
    """The connections that have something to write in this turn of the event loop."""

    __slots__ = ("_writers",)

    def __init__(self) -> None:
        self._writers: list[Writer] = []

    def add(self, writer: Writer) -> None:
        """Has `writer` flushed once the events that are ready now have been handled."""
        if not self._writers:
            asyncio.get_running_loop().call_soon(self._flush)
        self._writers.append(writer)

    def _flush(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            try:
                writer.flush()
            except Exception:  # one broken connection must not cost the others their answers
                log.exception("a write failed")
                writer.abort()
