"""What a protocol is played on: an event loop without time, and a transport without a socket.

Both are strict where asyncio's are lenient, and nothing happens unless a turn is asked for, so that one input
always takes one course.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TURNS = 10_000
"""Turns of the loop after which what goes on is taken to go on for ever."""


class Loop:
    """As much of an event loop as connections use."""

    def __init__(self) -> None:
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def time(self) -> float:
        """Always the same: every write waits for its turn."""
        return 0.0

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Calls back in the next turn."""
        self._ready.append((callback, arguments))

    def turn(self) -> None:
        """Calls what was ready when the turn began."""
        for _ in range(len(self._ready)):
            callback, arguments = self._ready.popleft()
            callback(*arguments)

    def settle(self) -> None:
        """Takes turns until nothing is left to do."""
        for _ in range(TURNS):
            if not self._ready:
                return
            self.turn()
        raise AssertionError("the loop never comes to rest")


@contextmanager
def playing() -> Iterator[Loop]:
    """A loop, running as far as `asyncio.get_running_loop` can tell."""
    loop = Loop()
    asyncio._set_running_loop(loop)  # type: ignore[arg-type]
    try:
        yield loop
    finally:
        asyncio._set_running_loop(None)


class _Socket:
    def fileno(self) -> int:
        return 0

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        """How a socket closes shows on none of these."""


class Transport:
    """A transport that keeps what is written, and refuses what a real one would drop or fail on."""

    def __init__(self, loop: Loop, protocol: asyncio.BaseProtocol) -> None:
        self._loop = loop
        self._protocol = protocol
        self.written = bytearray()
        self.ended = False
        self.closing = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        """Takes bytes as written."""
        assert not self.ended, "written behind the end"
        assert not self.closing, "written to a closed transport"
        self.written += data

    def write_eof(self) -> None:
        """Closes one half."""
        assert not self.ended and not self.closing, "ended twice"
        self.ended = True

    def close(self) -> None:
        """Closes, and says so in the next turn."""
        if not self.closing:
            self.closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """Closes at once."""
        self.aborted = True
        self.close()

    def is_closing(self) -> bool:
        """Whether no more comes or goes."""
        return self.closing

    def get_extra_info(self, name: str) -> object:
        """The peer, or a socket."""
        return ("192.0.2.1", 1) if name == "peername" else _Socket()

    def set_write_buffer_limits(self, high: int) -> None:
        """Never full."""

    def pause_reading(self) -> None:
        """Not before more bytes than an input has."""
        raise AssertionError("paused over a few bytes")

    def resume_reading(self) -> None:
        """See above."""
        raise AssertionError("never paused")
