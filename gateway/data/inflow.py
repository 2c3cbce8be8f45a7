"""A request whose body is handed on as it comes: the client sends as fast as the upstream takes it.

    head → attach(sink) → parts → end

What comes before there is a sink is held, up to a bound; beyond it the client has to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.clock import monotonic
from gateway.data.guards import HIGH_WATER
from gateway.data.head import Head
from gateway.data.request import Request, status_line

if TYPE_CHECKING:
    from gateway.data.http import HttpProtocol


class Sink(Protocol):
    """Where the body goes."""

    full: bool
    """Whether it takes no more for now."""

    def write(self, part: bytes) -> None:
        """Takes a part."""
        ...

    def end(self) -> None:
        """That was all."""
        ...

    def give_up(self) -> None:
        """There will be no end: what was begun is of no use."""
        ...


class Inflow(Request):
    """A request of which at most `limit` bytes are taken; made by the protocol like any other.

    `length` is the body's, None when it is not known beforehand.
    """

    def __init__(
        self,
        protocol: HttpProtocol,
        head: Head,
        keep_alive: bool,
        too_large: bool,
        limit: int,
        length: int | None,
    ) -> None:
        super().__init__(protocol, head, keep_alive, too_large)
        self.limit = limit
        self.length = length
        self._sink: Sink | None = None
        self._waits = False
        self._unwanted = False
        self._sized = False

    @property
    def bare(self) -> bool:
        """Whether there is no body."""
        return self.length == 0

    @property
    def held_up(self) -> bool:
        """Whether it is not the client for whom the rest of the body waits."""
        return self._waits

    def accept(self) -> None:
        """Tells a client that asks first to send the body."""
        if self._expects():
            self._protocol.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def attach(self, sink: Sink) -> None:
        """From now on the body goes to `sink`."""
        parts, self._parts = self._parts, []
        self._sink = sink
        for part in parts:
            sink.write(part)
        if self.whole:
            sink.end()
        self.resume()

    def detach(self) -> None:
        """The body is wanted no more; what still comes is dropped."""
        self._sink = None
        self._unwanted = True
        self._parts.clear()
        self.resume()

    def resume(self) -> None:
        """There is room again."""
        if self._waits and not (self._sink is not None and self._sink.full):
            self._waits = False
            self._protocol.resume_reading()

    def take(self, part: bytes, limit: int) -> None:
        """Another part has come; `limit` is that of requests which are held."""
        if self._unwanted:
            return
        self._size += len(part)
        if self._size > self.limit:
            self.too_large = True
            self._parts.clear()
            if self._sink is not None:
                self._sink.give_up()
        elif self._sink is not None:
            self._sink.write(part)
            self._wait(self._sink.full)
        else:
            self._parts.append(part)
            self._wait(self._size > HIGH_WATER)

    def finish(self) -> None:
        """The body is whole."""
        self.whole = True
        self.stamp = monotonic()
        if self._sink is not None and not self.too_large:
            self._sink.end()

    def _wait(self, wait: bool) -> None:
        if wait and not self._waits:
            self._waits = True
            self._protocol.pause_reading()

    # ── the answer ───────────────────────────────────────────────────────────────────────────────────

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        """Writes the head of an answer of `length` bytes; None: as many as come."""
        self.keep_alive = self.keep_alive and self.whole
        if length is None:
            self.start(status, headers)
            return
        self.started = self._sized = True
        if not self.keep_alive:
            headers += b"connection: close\r\n"
        self._protocol.write(
            b"%b%b%bcontent-length: %d\r\n\r\n" % (status_line(status), headers, self.extra, length)
        )

    def end(self) -> None:
        """Ends a started answer."""
        if not self._sized:
            super().end()

    def _framed(self, block: bytes) -> bytes:
        return block if self._sized else super()._framed(block)
