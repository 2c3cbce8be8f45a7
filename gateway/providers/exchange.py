"""One request that was sent to an upstream, and the answer to it.

It outlives its place on the connection, which may carry another exchange as soon as the answer is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway.clock import monotonic
from gateway.providers.base import UpstreamFailure
from gateway.run import Gate
from routing.fallback import Result

if TYPE_CHECKING:
    from gateway.providers.connection import Connection

PATIENCE: Final = 1.0
"""Seconds that an upstream has to end a stream after its last event, so that the connection serves again."""


class Exchange(Gate):
    """A request sent and the answer to it; an `Answer` of the provider contract."""

    def __init__(self, connection: Connection, stream: bool, idle: float, deadline: float) -> None:
        super().__init__()
        self._connection: Connection | None = connection
        self.stream = stream
        self.idle = idle
        self.deadline = deadline
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.head = False
        self.begun = False
        self.committed = False
        self.left = False
        self.complete = False
        self.size = 0
        self._parts: list[bytes] = []
        self._failure: UpstreamFailure | None = None
        self._taker: Callable[[bytes], bool] | None = None
        self._raised: Exception | None = None

    async def arrive(self) -> None:
        """Waits for the head, and for an answer that is not a stream for its body too.

        Raises UpstreamFailure.
        """
        while not self.complete and not (self.head and self.stream):
            if self._failure is not None:
                raise self._failure
            await self

    async def read(self) -> bytes:
        """The bytes that have come since the last call, waiting for some; empty at the end."""
        while not self._parts:
            if self.complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self
        return self._taken()

    async def each(self, take: Callable[[bytes], bool]) -> None:
        """Hands on every part within the callback that brings it: no coroutine is resumed for a chunk."""
        self._taker = take
        try:
            while self._hand_on():
                if self.complete:
                    take(b"")
                    return
                if self._failure is not None:
                    raise self._failure
                await self
            if self._raised is not None:
                raise self._raised
        finally:
            self._taker = None

    def come(self) -> None:
        """Lets whoever reads have what has come."""
        try:
            if self._hand_on():
                return
        except Exception as error:
            self._taker, self._raised = None, error
        self.open()

    def _hand_on(self) -> bool:
        """Whether somebody takes what comes, and still does after what there is."""
        take = self._taker
        if take is None:
            return False
        if self._parts and not take(self._taken()):
            self._taker = None
        return self._taker is not None

    def _taken(self) -> bytes:
        parts = self._parts
        block = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.size = 0
        if self._connection is not None:
            self._connection.consumed()
        return block

    def close(self) -> None:
        """Gives the answer up; an upstream that still sends it is disconnected."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def commit(self) -> None:
        """From now on the pauses count, not the time to the first token."""
        self.committed = True
        if self._connection is not None:
            self._connection.rest(self)

    def leave(self) -> None:
        """Lets the end of an answer that needs no more reading come by itself, within `PATIENCE`."""
        self.left = True
        if self._connection is not None:
            self._connection.deadline = monotonic() + PATIENCE

    def take(self, part: bytes) -> None:
        """Another part of the body has come; what nobody wants any more is dropped."""
        if self.left:
            return
        self._parts.append(part)
        self.size += len(part)
        self.begun = True

    def finish(self) -> None:
        """The answer is whole."""
        self.complete = True
        self._connection = None

    def fail(self, result: Result, detail: str) -> None:
        """No more will come."""
        if not self.complete and self._failure is None:
            self._failure = UpstreamFailure(result, detail)
            self._connection = None
            self.open()
