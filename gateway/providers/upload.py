"""One request to an upstream whose body comes in parts, on a connection of its own.

Of its own, because a part that was sent cannot be sent again: a pooled connection may turn out to be closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from gateway.clock import monotonic
from gateway.outbox import Outbox
from gateway.providers.connection import NEVER, Connection
from gateway.providers.exchange import Exchange
from gateway.providers.glance import Glance
from routing.fallback import Result

HIGH_WATER: Final = 256 * 1024
"""Bytes that wait to be taken by the upstream, beyond which the client has to wait."""


class Upload(Connection):
    """`begin`, then parts, then `end`; the answer may come before the end.

    `full` while the upstream takes no more; then `on_room` is called.
    """

    def __init__(
        self,
        outbox: Outbox,
        on_free: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
        glance: Glance,
    ) -> None:
        super().__init__(outbox, Connection.abort, on_lost, glance)  # it serves once
        self.full = False
        self.on_room: Callable[[], None] = _nothing
        self._chunked = False
        self._ended = False
        self._stall = self._patience = 0.0

    def begin(self, head: bytes, *, chunked: bool, stall: float, patience: float) -> Exchange:
        """Sends the head.

        The upstream may take nothing for `stall` seconds, and has `patience` seconds to answer after the end.
        """
        exchange = self._exchange = Exchange(self, True, stall, NEVER)
        self._chunked, self._stall, self._patience = chunked, stall, patience
        self.deadline = NEVER  # the time until the end is the client's
        self._put(head)
        return exchange

    def write(self, part: bytes) -> None:
        """Sends a part, or holds it when the upstream takes no more for now."""
        if part:
            self._put(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)

    def end(self) -> None:
        """That was all: from now on the time is the upstream's."""
        self._ended = True
        if self._chunked:
            self._put(b"0\r\n\r\n")
        self._expect()

    def give_up(self) -> None:
        """There will be no end: the upstream is left, and whoever waits for its answer is told."""
        exchange = self._exchange
        self.abort()
        if exchange is not None:
            asyncio.get_running_loop().call_soon(exchange.fail, Result.CANCELLED, "given up")

    def _put(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _expect(self) -> None:
        """Sets the deadline for what the upstream has to do next, if it has to do something."""
        if self._exchange is None or self._exchange.head:
            return
        now = monotonic()
        if self._ended:
            self.deadline = now + self._patience
        else:
            self.deadline = now + self._stall if self.full else NEVER

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=HIGH_WATER)

    def pause_writing(self) -> None:
        self.full = True
        self._expect()

    def resume_writing(self) -> None:
        self.full = False
        self._expect()
        self.on_room()


def _nothing() -> None:
    """Nobody waits for room."""
