"""Passing requests through: configured paths go to one upstream as they are, bodies streamed both ways.

    authenticate → is the path sound → begin upstream → body in, as fast as it is taken → answer out

Neither body is ever held: a part of it waits where the other side is slow, and then its sender waits, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from gateway.data.authenticate import authenticate
from gateway.data.errors import BodyTooLarge, InvalidRequest, MethodNotAllowed, NotFound
from gateway.data.handing import Broken, ask, failure_of, pump, refusal_of, status_of
from gateway.data.headers import carried_headers, downloaded_headers
from gateway.data.inflow import Inflow, Sink
from gateway.data.passage import ALLOWED, METHODS, Passage
from gateway.data.table import Table
from gateway.providers.base import Answer, Call, Provider, Transfer, UpstreamFailure
from routing.snapshot import Timeouts

TIMEOUTS = Timeouts(connect=5.0, first_token=600.0, idle=60.0)
"""Seconds: pictures and transcripts take minutes to begin with; a transfer may take as long as it moves."""
NEVER = float("inf")


class Outgoing(Sink, Protocol):
    """A request's body on its way to the upstream."""

    on_room: Callable[[], None]


class Carrier(Provider, Protocol):
    """A provider that can hand a request on."""

    async def transfer(self, transfer: Transfer) -> tuple[Outgoing, Answer]:
        """Begins one. Raises UpstreamFailure."""
        ...


async def pass_through(request: Inflow, table: Table, own: Callable[[], bytes]) -> str:
    """Hands a request on, and its answer back; returns what that counts as.

    `own` gives the gateway's own header lines. Raises GatewayError before anything is answered.
    """
    passage = table.passthrough
    if passage is None:  # it has been taken out of the configuration a moment ago
        raise NotFound
    authenticate(table, request, "passthrough")
    path = _path(request, passage)
    if request.too_large:
        raise BodyTooLarge
    provider = cast(Carrier, table.providers[passage.upstream])
    answer: Answer | None = None
    try:
        if request.bare:
            method = request.head.method.decode("ascii")
            lines = carried_headers(request.head)
            answer = await ask(provider, Call(path, lines, b"", True, TIMEOUTS, NEVER, method=method))
        else:
            answer = await _upload(request, provider, path)
        refusal = await refusal_of(answer)
        if refusal is not None:
            raise refusal
        answer.commit()
        own_lines = own() + downloaded_headers(answer.headers)
        request.begin(answer.status, own_lines, _length(answer))
        await pump(request, answer)
        return status_of(answer.status)
    except UpstreamFailure as failure:
        if request.too_large:
            raise BodyTooLarge from None
        raise failure_of(failure) from None
    except Broken:
        return "upstream_error"
    finally:
        if answer is not None:
            answer.close()


def _path(request: Inflow, passage: Passage) -> str:
    """The path and query of the upstream call. Raises NotFound, MethodNotAllowed, InvalidRequest."""
    head = request.head
    if passage.name_of(head.path) is None:
        raise NotFound
    if head.method not in METHODS:
        raise MethodNotAllowed(passed=b"allow: %b\r\n" % ALLOWED)
    if not head.query.isascii():
        raise InvalidRequest("The query must be percent-encoded.")
    path = head.path.removeprefix(b"/v1").decode("ascii")
    return f"{path}?{head.query.decode('ascii')}" if head.query else path


async def _upload(request: Inflow, provider: Carrier, path: str) -> Answer:
    """Sends a request whose body comes, until there is an answer, which may be before its end."""
    head = request.head
    method = head.method.decode("ascii")
    outgoing, answer = await provider.transfer(
        Transfer(method, path, carried_headers(head), request.length, TIMEOUTS)
    )
    try:
        outgoing.on_room = request.resume
        request.accept()
        request.attach(outgoing)
        if request.too_large:
            outgoing.give_up()
        await answer.arrive()
    except BaseException:
        answer.close()
        raise
    return answer


def _length(answer: Answer) -> int | None:
    """How long the answer says that it is."""
    length = answer.headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and b"transfer-encoding" not in answer.headers else None
