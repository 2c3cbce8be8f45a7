"""The server of a child process: uvicorn's, whose life others decide about."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn

from gateway.rhythm import next_moment_or

TICK = 1.0
"""Seconds between two looks at the clock, for the date of answers."""


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which waits to be told to leave instead of asking.

    uvicorn looks ten times a second whether it has to. To be woken for nothing costs requests the cache.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the supervisor's business."""
        yield

    async def main_loop(self) -> None:
        """Serves until told to leave."""
        while not await self.on_tick(0):
            await next_moment_or(self._leaving, TICK)

    def leave(self) -> None:
        """Stops accepting, waits for what is under way, and ends."""
        self.should_exit = True
        self._leaving.set()
