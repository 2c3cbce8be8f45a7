"""The relay of event streams: whatever an upstream streams, in whatever pieces.

The client gets the upstream's events byte for byte, without the usage chunk that it did not ask for, up to
`[DONE]`; or up to where the stream failed, and then one error event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from gateway.data.account import Account
from gateway.data.attempt import Attempt
from gateway.data.endpoints import CHAT, Endpoint
from gateway.data.relay import DONE, Interrupted, relay_stream
from gateway.providers.reading import Reading
from gateway.run import Run
from gateway.sse import MAX_EVENT
from routing.cost import Usage
from routing.fallback import Result
from routing.snapshot import Variant
from tests.fuzz.cuts import chunkings

VARIANT = Variant("base", 1, "upstream", "model")
_BLANK = re.compile(rb"((?>\r\n|\r|\n){2})(?>\r\n|\r|\n)+")
PATIENCE = 3
"""Reads behind the end after which a reader has not understood that it is one."""


class Outcome(NamedTuple):
    """What the client got (nothing, if the stream was not committed), whether that is all; what was noted."""

    sent: bytes
    whole: bool
    result: Result
    usage: Usage | None


class Upstream(Reading):
    """An answer whose body comes in these pieces."""

    status = 200
    headers: dict[bytes, bytes] = {}

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._ends = 0
        self.left = False

    async def arrive(self) -> None:
        """It has."""

    async def read(self) -> bytes:
        """The next piece; empty at the end."""
        assert not self.left, "read behind the end of what is wanted"
        piece = next(self._pieces, b"")
        self._ends += not piece
        assert self._ends < PATIENCE, "reads on and on behind the end"
        return piece

    def commit(self) -> None:
        """It has begun in earnest."""

    def leave(self) -> None:
        """No more is wanted."""
        self.left = True

    def close(self) -> None:
        """Given up."""


class Client:
    """A request whose answer is read as fast as it comes."""

    congested = gone = False
    keep_alive = True
    stamp = 0.0

    def __init__(self) -> None:
        self.sent = b""
        self.started = self.ended = False

    def start(self, status: int, headers: bytes, block: bytes = b"") -> None:
        """The head, and the first block."""
        assert status == 200 and not self.started
        self.started = True
        self.sent = block

    def write(self, block: bytes) -> None:
        """Another block."""
        assert self.started and not self.ended and block
        self.sent += block

    def end(self) -> None:
        """The end."""
        assert self.started and not self.ended
        self.ended = True


def sse_target(data: bytes) -> None:
    """A stream of `data`."""
    recut(data, chunkings(data))


def recut(data: bytes, courses: Iterable[list[bytes]]) -> None:
    """Whether `data` comes to what it should, and in all these pieces alike, usage asked for or not."""
    courses = list(courses)
    for asked in (False, True):
        whole = play([data] if data else [], asked=asked)
        check(whole, data, asked=asked)
        for pieces in courses:
            agree(whole, play(pieces, asked=asked))


def agree(one: Outcome, other: Outcome) -> None:
    """Whether two chunkings of the same bytes come to the same.

    A blank line too many tells nothing: it may be held back with what follows it, and lost at a broken end.
    """
    assert _even(one) == _even(other), "another answer for another chunking"


def _even(outcome: Outcome) -> Outcome:
    return outcome._replace(sent=_BLANK.sub(rb"\1", outcome.sent))


def play(pieces: list[bytes], *, asked: bool, endpoint: Endpoint = CHAT) -> Outcome:
    """Relays a stream of these pieces as the journey does."""
    client: Any = Client()
    upstream = Upstream(pieces)
    account = Account(b"", 0.0)
    attempt = Attempt(VARIANT, 0.0)
    ends: list[BaseException | None] = []

    async def relay() -> None:
        attempt.answer = upstream
        await attempt.receive(upstream, endpoint.first, endpoint.splitter)
        if attempt.result is Result.OK:
            await relay_stream(client, account, attempt, b"", endpoint.relay, asked=asked)

    Run(relay(), ends.append).resume()
    (end,) = ends
    if end is not None and not isinstance(end, Interrupted):
        raise end
    assert client.started == client.ended
    assert attempt.splitter is None or len(attempt.splitter.rest) <= MAX_EVENT
    return Outcome(client.sent, client.started and end is None, attempt.result, account.usage)


def check(outcome: Outcome, data: bytes, *, asked: bool) -> None:
    """What holds by the definition of event streams alone."""
    if re.search(rb"\n\r(?!\n)", data):
        return  # a line ended by CR behind one ended by LF or CRLF: legal, and nobody's
    expected = wanted(data, asked=asked)
    assert outcome.whole == expected.whole
    if not expected.committed:
        assert not outcome.sent
        return
    got = list(view(outcome.sent))
    assert outcome.whole == (DONE in got), "[DONE] if and only if the upstream completed"
    told = outcome.sent
    if not outcome.whole:
        assert json.loads(got.pop())["error"]["type"] == "upstream_error"
        told = told[: told.rindex(b'data: {"error"')]
    assert got == expected.events
    assert _is_part(told, data) or _is_part(told, data + b"\n\n"), "bytes that the upstream has not sent"


class Wanted(NamedTuple):
    """The data of the events that a client must get, whether that is all, and whether anything is sent."""

    events: list[bytes]
    whole: bool
    committed: bool


def wanted(data: bytes, *, asked: bool) -> Wanted:
    """What must come of a stream."""
    found: list[bytes] = []
    committed = False
    for event in view(data, finish=True):
        if event == DONE and committed:
            return Wanted([*found, event], True, True)
        parsed = _object(event)
        if not committed and (parsed is None or parsed.get("error")):
            break
        committed = True
        telling = parsed if parsed is not None and re.search(rb'"(usage|error)"', event) else {}
        if telling.get("error"):
            break
        if asked or telling.get("usage") is None or telling.get("choices"):
            found.append(event)
    return Wanted(found, False, committed)


def view(data: bytes, *, finish: bool = False) -> Iterator[bytes]:
    """The data of the events, as WHATWG HTML 9.2.6 has them read; `finish` completes a last `[DONE]`."""
    lines = re.split(rb"\r\n|\n|\r", data)
    held: list[bytes] = []
    for line in lines[:-1]:
        if line.startswith(b"data:"):
            held.append(line[5:].removeprefix(b" "))
        elif not line and held:
            yield b"\n".join(held)
            held = []
    if finish:
        held += [lines[-1][5:].removeprefix(b" ")] if lines[-1].startswith(b"data:") else []
        if held == [DONE]:
            yield DONE


def _object(event: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(event)
    except ValueError:
        return None
    return parsed if type(parsed) is dict else None


def _is_part(part: bytes, data: bytes) -> bool:
    """Whether the lines of `part` are lines of `data`, in this order, and so are the line ends."""
    left = iter(_lines(data))
    return all(piece in left for piece in _lines(part))


_lines = re.compile(rb"[^\r\n]+|\r|\n").findall
