"""The upstream's HTTP: whatever an upstream answers, in whatever pieces.

An answer is whole, has failed or is still to come, by its bytes alone. Only a connection whose answer was
whole, and behind which nothing came, may carry another exchange.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from unittest.mock import patch

from gateway.outbox import Outbox
from gateway.providers import connection
from gateway.providers.base import UpstreamFailure
from gateway.providers.connection import NEVER, Connection
from gateway.providers.glance import Glance
from gateway.run import Run
from routing.fallback import Result
from tests.fuzz import grammar, oracle
from tests.fuzz.cuts import chunkings
from tests.fuzz.stage import Loop, Transport, playing

WHOLE, PENDING, AMBIGUOUS = "whole", "pending", Result.AMBIGUOUS
MAX_HEAD = 512
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@dataclass
class Reading:
    """What the reader of one answer has come to."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    end: str = PENDING


class Outcome(NamedTuple):
    """One answer before the connection's end and behind it; the bytes after which the connection was free."""

    before: Reading
    after: Reading
    free: int | None


class Pooled:
    """A connection in the hands of a pool."""

    def __init__(self, loop: Loop) -> None:
        self.freed = 0
        self.lost = 0
        self._loop = loop
        self._connection = Connection(Outbox(), self._on_free, self._on_lost, Glance())
        self.transport = Transport(loop, self._connection)
        self._connection.connection_made(self.transport)  # type: ignore[arg-type]

    def exchange(self, pieces: list[bytes], *, stream: bool) -> Outcome:
        """Sends a request, and plays an answer of these pieces."""
        ours, transport, freed = self._connection, self.transport, self.freed
        exchange = ours.send(REQUEST, stream, NEVER, 60.0, NEVER)
        self._loop.settle()
        assert transport.written.endswith(REQUEST)
        reading = Reading()
        ends: list[BaseException | None] = []

        async def read() -> None:
            try:
                await exchange.arrive()
                reading.status, reading.headers = exchange.status, exchange.headers
                while block := await exchange.read():
                    reading.body += block
                reading.end = WHOLE
            except UpstreamFailure as failure:
                reading.end = failure.result

        Run(read(), ends.append).resume()
        came, free = 0, None
        for piece in pieces:
            if transport.closing:
                break
            ours.data_received(piece)
            self._loop.settle()
            came += len(piece)
            bounded = came <= MAX_HEAD + len(piece)
            assert bounded or reading.status or transport.closing or not stream, "a head without bound"
            if free is None and self.freed > freed:
                assert exchange.complete, "free before its answer is whole"
                free = came
        before = Reading(reading.status, reading.headers, reading.body, reading.end)
        if free is None and not transport.closing:
            ours.eof_received()
            transport.close()
        self._loop.settle()
        assert ends == [None], "an exchange that neither ends nor fails"
        assert self.freed <= freed + 1 and self.lost <= 1
        return Outcome(before, reading, free)

    def leave(self) -> None:
        """Closes what is still open."""
        self.transport.close()
        self._loop.settle()

    def _on_free(self, connection: Connection) -> None:
        assert not self.transport.closing, "given back closed"
        self.freed += 1

    def _on_lost(self, connection: Connection) -> None:
        self.lost = 1


def upstream_target(data: bytes) -> None:
    """An upstream that answers with `data`."""
    recut(data, chunkings(data))


def recut(data: bytes, courses: Iterable[list[bytes]]) -> None:
    """Whether `data`, read whole and as a stream, comes to what it should, and in all these pieces alike."""
    courses = list(courses)
    for stream in (False, True):
        whole = play([data] if data else [], stream=stream)
        check(whole, data)
        for pieces in courses:
            agree(whole, play(pieces, stream=stream), data)


def agree(whole: Outcome, other: Outcome, data: bytes) -> None:
    """Whether two courses of the same bytes come to the same."""
    if len(data) > MAX_HEAD and AMBIGUOUS in (whole.before.end, other.before.end):
        return  # refused for its head, which is bounded by the read
    assert other[:2] == whole[:2], "another answer for another chunking"
    if whole.free is None:
        assert other.free != len(data), "free again in one chunking only"
    else:
        assert other.free is not None, "free again in one chunking only"
        assert not data[other.free :].strip(b"\r\n"), "more than empty lines behind the answer"


def play(pieces: list[bytes], *, stream: bool) -> Outcome:
    """The outcome of one exchange; what is free after all has been read must serve another as well."""
    with playing() as loop, patch.object(connection, "MAX_HEAD", MAX_HEAD):
        pooled = Pooled(loop)
        outcome = pooled.exchange(pieces, stream=stream)
        if outcome.free is not None and outcome.free < sum(map(len, pieces)):
            assert pooled.transport.closing, "free with bytes behind the answer"
        elif outcome.free is not None:
            assert pooled.exchange(pieces, stream=stream) == outcome, "another answer the second time"
        pooled.leave()
        assert pooled.transport.closing
        return outcome


def check(outcome: Outcome, data: bytes) -> None:
    """What holds for every outcome by itself."""
    before, after, free = outcome
    if before.end != PENDING:
        assert after == before, "an answer that changes behind its end"
    assert after.end != PENDING
    if free is not None:
        assert before.end == WHOLE
    for reading, ended in ((before, False), (after, True)):
        told = ((b"%d" % reading.status,), reading.body)
        opinion = oracle.response(data, ended=ended)
        if reading.end == WHOLE and not opinion.refused:
            assert opinion.messages, "whole before h11 has seen its end"
            assert opinion.messages == [told], "h11 reads another answer"
        message = grammar.response(data, ended=ended)
        if reading.end == WHOLE:
            assert message is not None, "an answer that is none by RFC 9112"
            assert (message.first, message.body) == told, "RFC 9112 has another answer"
            assert reading.headers.keys() == message.headers.keys()
            for name, value in reading.headers.items():
                assert message.headers[name].endswith(value), "a header of another answer"
        elif message is not None:
            assert not _plain(message), "a plain answer, and refused"


def _plain(message: grammar.Message) -> bool:
    """Whether an answer that the grammar allows must be taken."""
    return message.modern and message.headers.keys().isdisjoint((b"connection", b"upgrade"))
