"""The pool of connections to one origin: the most recently used first, stale ones never.

One timer a pool looks after every deadline, so that a request costs no timer of its own; deadlines are
therefore kept to `TICK`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import Final, TypeVar

from gateway.clock import monotonic
from gateway.outbox import Outbox
from gateway.providers.base import UpstreamFailure
from gateway.providers.connection import NEVER, Connection
from gateway.providers.glance import Glance
from gateway.rhythm import until_next
from routing.fallback import Result

TICK: Final = 0.1
"""Seconds between looks at the deadlines."""
MAX_IDLE: Final = 512
Made = TypeVar("Made", bound=Connection)


class Pool:
    """Connections to `host:port`, over TLS when `context` is given."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._outbox = Outbox()
        self._glance = Glance()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def idle(self) -> Connection | None:
        """An idle connection that is still good, if there is one."""
        now = monotonic()
        while self._idle:
            connection = self._idle.pop()
            if not connection.stale(now):
                return connection
            connection.abort()
        return None

    async def connect(self, timeout: float, make: type[Made] = Connection) -> Made:  # type: ignore[assignment]
        """A new connection, a `make`, made within `timeout` seconds.

        Raises UpstreamFailure(REFUSED): nothing has been sent.
        """
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(
            loop.create_connection(  # type: ignore[type-var]  # a protocol by its methods
                lambda: make(self._outbox, self._free, self._lost, self._glance),
                self._host,
                self._port,
                ssl=self._context,
                server_hostname=self._host if self._context else None,
            )
        )
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            connecting.cancel()

        timer = loop.call_later(timeout, give_up)
        try:
            _, connection = await connecting
        except asyncio.CancelledError:
            if late:
                raise UpstreamFailure(Result.REFUSED, "connect timed out") from None
            connecting.cancel()
            raise
        except (OSError, ssl.SSLError) as error:
            raise UpstreamFailure(Result.REFUSED, _reason(error)) from None
        finally:
            timer.cancel()
        self._open.add(connection)
        if self._timer is None:
            self._wind(loop)
        return connection

    def close(self) -> None:
        """Closes idle connections now; busy ones close when their exchange ends."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()

    def _free(self, connection: Connection) -> None:
        if self._closed or len(self._idle) >= MAX_IDLE:
            connection.abort()
            return
        connection.free_since = now = monotonic()
        connection.deadline = now + connection.idle_limit
        self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection.deadline != NEVER and connection in self._idle:
            self._idle.remove(connection)

    def _tick(self) -> None:
        now = monotonic()
        for connection in [one for one in self._open if one.deadline < now]:
            connection.expire()
        if self._open:
            self._wind(asyncio.get_running_loop())
        else:
            self._timer = None

    def _wind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(until_next(TICK, loop.time()), self._tick)


def _reason(error: OSError) -> str:
    """Why a connection could not be made, in the system's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        return "no TLS"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    return os.strerror(error.errno).lower() if error.errno else "connection lost at once"
