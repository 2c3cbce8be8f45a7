"""One HTTP request as the journey sees it: a head, a body to wait for, an answer to write."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gateway.clock import monotonic
from gateway.data.errors import BodyTooLarge
from gateway.data.head import Head
from gateway.run import Gate

if TYPE_CHECKING:
    from gateway.data.http import HttpProtocol

STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


LARGE: Final = 1024
SIZES: Final = [b"%x\r\n" % size for size in range(LARGE)]
"""The lines before the parts of a chunked answer, of short ones: to write one takes a thousand steps."""


def status_line(status: int) -> bytes:
    """The first line of a response; a status that has no name of its own gets none."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


class Request(Gate):
    """Made by the protocol once the head is complete.

    `gone` is true once nobody reads the answer any more.
    """

    def __init__(self, protocol: HttpProtocol, head: Head, keep_alive: bool, too_large: bool) -> None:
        super().__init__()
        self._protocol = protocol
        self.head = head
        self.keep_alive = keep_alive
        self.too_large = too_large
        self.whole = False
        self.started = False
        self.gone = False
        self.extra = b""
        """Header lines of whatever is answered."""
        self.stamp = 0.0
        """When the request was whole, on the monotonic clock."""
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def head_only(self) -> bool:
        """Whether the client wants an answer without its body."""
        return self.head.method == b"HEAD"

    @property
    def held_up(self) -> bool:
        """Whether it is not the client for whom the rest of the body waits."""
        return False

    @property
    def local(self) -> bool:
        """Whether the client is on the loopback interface."""
        return self._protocol.local

    @property
    def reserved(self) -> bool:
        """Whether there is no room for a model's request: it came beyond the limit of connections."""
        return self._protocol.reserved

    # ── the request ──────────────────────────────────────────────────────────────────────────────────

    async def arrive(self) -> None:
        """Waits until the body is whole. Raises BodyTooLarge as soon as it is known to pass the limit."""
        if self._expects():
            self._protocol.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.whole:
            if self.too_large:
                raise BodyTooLarge
            await self

    def _expects(self) -> bool:
        """Whether the client waits to be told before it sends the body."""
        expected = self.head.headers.get(b"expect", b"").lower() == b"100-continue"
        return expected and not self._size and not self.too_large

    def body(self) -> bytes:
        """The body, once it is whole. Raises BodyTooLarge."""
        if self.too_large:
            raise BodyTooLarge
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def take(self, part: bytes, limit: int) -> None:
        """Another part of the body has come; beyond `limit` bytes nothing is kept."""
        self._size += len(part)
        if self._size > limit:
            self.too_large = True
            self._parts.clear()
        else:
            self._parts.append(part)

    def finish(self) -> None:
        """The body is whole."""
        self.whole = True
        self.stamp = monotonic()

    # ── the answer ───────────────────────────────────────────────────────────────────────────────────

    def respond(self, status: int, headers: bytes, body: bytes = b"") -> None:
        """Writes a whole answer; `headers` are complete lines, without content-length."""
        self.started = True
        if not (self.whole and self.keep_alive):
            headers += b"connection: close\r\n"
            self.keep_alive = False
        shown = b"" if self.head.method == b"HEAD" else body
        self._protocol.write(
            b"%b%b%bcontent-length: %d\r\n\r\n%b"
            % (STATUS_LINES.get(status) or status_line(status), headers, self.extra, len(body), shown)
        )

    def start(self, status: int, headers: bytes, block: bytes = b"") -> None:
        """Writes the head of an answer whose length is not known, and its first part."""
        self.started = True
        if not self.keep_alive:
            headers += b"connection: close\r\n"
        if self.head.modern:
            headers += b"transfer-encoding: chunked\r\n"
        self._protocol.write(
            b"%b%b%b\r\n%b" % (status_line(status), headers, self.extra, self._framed(block))
        )

    def write(self, block: bytes) -> None:
        """Writes another part of a started answer."""
        self._protocol.write(self._framed(block))

    def _framed(self, block: bytes) -> bytes:
        if not self.head.modern or not block:
            return block
        size = len(block)
        return b"%b%b\r\n" % (SIZES[size] if size < LARGE else b"%x\r\n" % size, block)

    @property
    def congested(self) -> bool:
        """Whether the client reads more slowly than we write."""
        return self._protocol.congested

    async def writable(self) -> None:
        """Waits until the client has caught up."""
        while self._protocol.congested and not self.gone:
            await self

    def end(self) -> None:
        """Ends a started answer."""
        if self.head.modern:
            self._protocol.write(b"0\r\n\r\n")
        else:
            self.keep_alive = False

    def cut(self) -> None:
        """Breaks a started answer off so that the client cannot take it for a whole one."""
        self._protocol.abort()
