"""The data port's HTTP: whatever a client sends, in whatever pieces.

An echo stands behind the protocol. What it saw, and what the client read, may depend on the bytes alone: not
on how they were cut, nor on whether their heads were known already.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections import deque
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from gateway.data import http
from gateway.data.errors import BodyTooLarge
from gateway.data.head import Heads
from gateway.data.http import HttpProtocol, Serving
from gateway.data.request import Request
from gateway.run import Gate, Run
from routing.snapshot import Limits
from tests.fuzz import grammar, oracle
from tests.fuzz.answers import Answer, answers
from tests.fuzz.cuts import chunkings, cut
from tests.fuzz.stage import Transport, playing

LIMITS = Limits(body=1024, headers=512)
BOUNDS = frozenset((413, 431))
"""How far a client gets before it is told of a bound depends on what had come with it."""
AHEAD, READ = 256, 64
HEADS = 4
"""How often a head's bytes may be held: as they came, as raw headers, as lower-case ones, and to spare."""
ROOMS = {"gateway.data.http", "gateway.data.reader", "gateway.data.request", "gateway.data.head"}
"""Where the classes live whose instances make up a connection."""


class Seen(NamedTuple):
    """A request as the echo saw it."""

    method: bytes
    target: tuple[bytes, bytes]
    headers: dict[bytes, bytes]
    body: bytes
    modern: bool


class Outcome(NamedTuple):
    """What the echo saw and what the client read."""

    seen: list[Seen]
    answers: list[Answer]


class Echo(Serving):
    """A service that tells what it got, as soon as a turn later or two."""

    def __init__(self, heads: Heads, *, stuck: bool = False) -> None:
        table: Any = SimpleNamespace(limits=LIMITS, passthrough=None)
        super().__init__(table)
        self.heads = heads
        self.seen: list[Seen] = []
        self._stuck = Gate() if stuck else None

    async def handle(self, request: Request) -> None:
        """Answers with the request, whole or in parts."""
        try:
            await request.arrive()
            body = request.body()
        except BodyTooLarge:
            request.respond(413, b"", b"")
            return
        if self._stuck is not None:
            await self._stuck
        head = request.head
        seen = Seen(head.method, (head.path, head.query), head.headers, body, head.modern)
        self.seen.append(seen)
        for _ in range(len(body) % 3):
            await asyncio.sleep(0)
        text = repr(seen).encode()
        if head.method == b"POST" and head.path.startswith(b"/stream"):
            request.start(200, b"", text[:9])
            await asyncio.sleep(0)
            request.write(text[9:])
            request.end()
        else:
            request.respond(200, b"", text)

    def crashed(self, request: Request, error: BaseException) -> None:
        """The echo never does."""
        raise error


def http_target(data: bytes) -> None:
    """One connection of a client that sends `data`."""
    recut(data, chunkings(data))


def recut(data: bytes, courses: Iterable[list[bytes]]) -> None:
    """Whether `data` comes to what it should, and to the same in all these pieces, its heads known or not."""
    heads = Heads()
    opinion, allowed = oracle.requests(data), grammar.requests(data)
    uncut = [data] if data else []
    whole = play(uncut, heads)
    check(whole, opinion, allowed)
    others = [play(uncut, heads)]
    for number, pieces in enumerate(courses):
        others += play(pieces, Heads(), number % 3), play(pieces, heads, (number + 1) % 3)
    for other in others:
        check(other, opinion, allowed)
        agree(whole, other)
    hold(cut(data, range(READ, len(data), READ)))


def play(pieces: list[bytes], heads: Heads, patience: int = 0) -> Outcome:
    """A connection on which these pieces come; the loop comes to rest before none, every second or each."""
    with playing() as loop:
        service = Echo(heads)
        connections: set[HttpProtocol] = set()
        runs: set[Run] = set()
        protocol = HttpProtocol(service, connections, runs)
        transport = Transport(loop, protocol)
        protocol.connection_made(transport)  # type: ignore[arg-type]
        for number, piece in enumerate(pieces):
            if transport.closing:
                break
            protocol.data_received(piece)
            if number % 2 < patience:
                loop.settle()
        loop.settle()
        for _ in range(3):  # late, then lingering, then gone
            if not transport.closing:
                protocol.expire()
                loop.settle()
        assert transport.closing, "a connection that is never given up"
        assert not connections and not runs, "something of a connection is left"
        methods = [seen.method for seen in service.seen]
        return Outcome(service.seen, answers(bytes(transport.written), methods))


def check(outcome: Outcome, opinion: oracle.Opinion, allowed: list[grammar.Message]) -> None:
    """What holds for every outcome by itself, by what h11 and the grammar make of the same bytes."""
    told = [answer for answer in outcome.answers if answer.status == 200]
    assert len(told) == len(outcome.seen), "a request without its answer"
    for seen, answer in zip(outcome.seen, told, strict=True):
        assert answer.body == (b"" if seen.method == b"HEAD" else repr(seen).encode())
    taken = [answer.status == 200 for answer in outcome.answers]
    together = outcome.seen[: [*taken, False].index(False)]
    for seen, ((method, target), body) in zip(together, opinion.messages, strict=False):
        assert seen[:2] == (method, _split(target)) and seen.body == body, "h11 reads another request"
    if len(together) > len(opinion.messages):
        assert opinion.refused, "a request that h11 has not seen the end of"
    assert len(together) <= len(allowed), "a request that is none by RFC 9112"
    for seen, one in zip(together, allowed, strict=False):
        assert seen == _seen(one), "RFC 9112 has another request"
        assert one.head <= LIMITS.headers and len(one.body) <= LIMITS.body, "beyond a bound, and served"
    if len(together) < len(allowed) and not (together and told[len(together) - 1].last):
        assert not _plain(allowed[len(together)]), "a plain request, and refused"


def _split(target: bytes) -> tuple[bytes, bytes]:
    absolute = _ABSOLUTE.fullmatch(target)
    path, _, query = (absolute[2] if absolute else target).partition(b"?")
    return path or (b"/" if absolute else b""), query


_ABSOLUTE = re.compile(rb"(?i:http|https)://([^/?#@]+)([/?][^#]*|)")
"""A target that says which host is meant (RFC 9112, 3.2.2)."""


def _seen(message: grammar.Message) -> Seen:
    """A request as the echo must see it."""
    method, target = message.first
    absolute = _ABSOLUTE.fullmatch(target)
    host = {b"host": absolute[1]} if absolute else {}
    return Seen(method, _split(target), message.headers | host, message.body, message.modern)


def _plain(message: grammar.Message) -> bool:
    """Whether a request that the grammar allows must be served."""
    method, target = message.first
    return (
        method in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")
        and target.startswith(b"/")
        and b"#" not in target
        and message.headers.keys().isdisjoint((b"connection", b"upgrade", b"transfer-encoding"))
        and message.head <= LIMITS.headers
        and len(message.body) <= LIMITS.body
    )


def agree(one: Outcome, other: Outcome) -> None:
    """Whether two courses of the same bytes come to the same, which chunked bodies may keep them from.

    What comes in one read with the end of a chunked body is not taken up, and the client is told by
    `connection: close`; what stands around the chunks is bounded by the read, so one course may refuse it.
    """
    for at, (ours, theirs) in enumerate(zip(one.answers, other.answers, strict=False)):
        chunked = _chunked(one, at) or _chunked(other, at)
        if {ours.status, theirs.status} & BOUNDS:
            bounded = ours.status >= 400 and theirs.status >= 400
            assert bounded or (chunked and 431 in (ours.status, theirs.status)), "a bound for one course only"
            return
        assert ours[:3] == theirs[:3]
        if ours.last or theirs.last:
            assert (ours.last and theirs.last) or chunked, "kept in one course, closed in the other"
            return
    assert len(one.answers) == len(other.answers), "answers that come in one course only"


def _chunked(outcome: Outcome, at: int) -> bool:
    return at < len(outcome.seen) and b"transfer-encoding" in outcome.seen[at].headers


def hold(pieces: list[bytes]) -> None:
    """However much comes, what is held of it is bounded while nothing is answered."""
    with playing() as loop, patch.object(http, "AHEAD", AHEAD):
        runs: set[Run] = set()
        protocol = HttpProtocol(Echo(Heads(), stuck=True), set(), runs)
        transport = Transport(loop, protocol)
        protocol.connection_made(transport)  # type: ignore[arg-type]
        bound = LIMITS.body + HEADS * LIMITS.headers + AHEAD + READ
        for piece in pieces:
            protocol.data_received(piece)
            loop.settle()
            assert held(protocol) <= bound, "held without bound"
            if transport.closing:
                break
        transport.abort()
        loop.settle()
        assert not runs, "a run that outlives its connection"


def held(protocol: HttpProtocol) -> int:
    """The bytes to be reached from a connection, whatever its parts are called."""
    found: dict[int, object] = {}
    size = 0
    left: list[object] = [protocol]
    while left:
        item = left.pop()
        if id(item) in found:
            continue
        found[id(item)] = item
        if isinstance(item, bytes | bytearray):
            size += len(item)
        elif _ours(item):
            left += gc.get_referents(item)
    return size


def _ours(item: object) -> bool:
    kind = type(item)
    return kind in (list, tuple, dict, deque) or (kind.__module__ in ROOMS and kind is not Heads)
