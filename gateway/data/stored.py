"""Requests for a stored response: it is asked for where it was made.

    GET, DELETE  /v1/responses/ID     POST  /v1/responses/ID/cancel     GET  /v1/responses/ID/input_items

They name no model, so no route decides them. Of a response that nobody here remembers every upstream is asked
that the caller might have got it from, until one knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from urllib.parse import parse_qs, unquote

from gateway.data.authenticate import authenticate, may_use
from gateway.data.errors import GatewayError, InvalidRequest, MethodNotAllowed, NotFound, Unlocated
from gateway.data.handing import Broken, ask, check_explained, failure_of, pump, refusal_of, status_of
from gateway.data.head import Head
from gateway.data.headers import forwarded_headers, passed_headers
from gateway.data.homes import Homes, Unsure
from gateway.data.passage import sound
from gateway.data.request import Request
from gateway.data.table import Table
from gateway.providers.base import Answer, Call, UpstreamFailure
from routing.home import Home
from routing.snapshot import Key, Timeouts

PREFIX = b"/v1/responses/"
METHODS = {b"": (b"GET", b"DELETE"), b"cancel": (b"POST",), b"input_items": (b"GET",)}
"""By what is asked of a response."""


async def ask_stored(request: Request, table: Table, homes: Homes, own: Callable[[], bytes]) -> str:
    """Answers one request; returns what that counts as. Raises GatewayError before anything is answered."""
    head = request.head
    key = authenticate(table, request, "chat")
    path, response = _path(request)
    if not request.whole:
        await request.arrive()
    home = await find_home(table, homes, key, response)
    if home is not None and not _may_follow(key, home):
        raise _unknown()
    upstreams = _upstreams(table, key) if home is None else _kept(table, home)
    if not upstreams:
        raise _unknown()
    timeouts = _timeouts(table, home)
    stream = head.method == b"GET" and b"stream" in head.query and _streams(head.query)
    call = Call(
        path, b"", request.body(), stream, timeouts, monotonic() + timeouts.total,
        method=head.method.decode("ascii"),
    )  # fmt: skip
    answer = await _first_that_knows(head, table, upstreams, call)
    try:
        await _hand_back(request, answer, own)
    except Broken:
        return "upstream_error"
    except UpstreamFailure as failure:
        raise failure_of(failure) from None
    finally:
        answer.close()
    return status_of(answer.status)


async def _first_that_knows(head: Head, table: Table, upstreams: list[str], call: Call) -> Answer:
    """The answer of the first upstream that knows the response, or of the only one. Raises GatewayError."""
    trouble: GatewayError | None = None
    for upstream in upstreams:
        simulated = table.snapshot.upstreams[upstream].provider == "simulated"
        call.headers = forwarded_headers(head, simulated=simulated)
        try:
            answer = await ask(table.providers[upstream], call)
        except UpstreamFailure as failure:
            trouble = failure_of(failure)
            continue
        if len(upstreams) > 1 and answer.status in (400, 404):  # not an id of its making
            answer.close()
            continue
        refusal = await refusal_of(answer)
        if refusal is None:
            return answer
        answer.close()
        trouble = refusal
    raise trouble or _unknown()


async def find_home(table: Table, homes: Homes, key: Key, response: str) -> Home | None:
    """The home of a response; None when it is not known, or when there is only one that it can have.

    Raises Unlocated when neither can be told.
    """
    try:
        return await homes.find(response)
    except Unsure:
        if len(_upstreams(table, key)) > 1:
            raise Unlocated from None
        return None


async def _hand_back(request: Request, answer: Answer, own: Callable[[], bytes]) -> None:
    lines = own() + passed_headers(answer.headers)
    if answer.headers.get(b"content-type", b"").startswith(b"text/event-stream"):
        answer.commit()
        request.start(answer.status, lines)
        await pump(request, answer)
    else:
        parts = []
        while part := await answer.read():
            parts.append(part)
        body = b"".join(parts)
        check_explained(answer, body)
        request.respond(answer.status, lines, body)


def _path(request: Request) -> tuple[str, str]:
    """The path and query of the upstream call, and the response's id. Raises NotFound, MethodNotAllowed."""
    head = request.head
    name, _, what = head.path.removeprefix(PREFIX).partition(b"/")
    methods = METHODS.get(what)
    if methods is None or not sound(name):
        raise NotFound
    if head.method not in methods:
        raise MethodNotAllowed(passed=b"allow: %b\r\n" % b", ".join(methods))
    if not head.query.isascii():
        raise InvalidRequest("The query must be percent-encoded.")
    path = head.path.removeprefix(b"/v1").decode("ascii")
    return f"{path}?{head.query.decode('ascii')}" if head.query else path, unquote(name.decode("ascii"))


def _streams(query: bytes) -> bool:
    return parse_qs(query.decode("ascii")).get("stream") == ["true"]


def _may_follow(key: Key, home: Home) -> bool:
    return home.application == key.application_hash and ("/" in home.route or may_use(key, home.route))


def _unknown() -> NotFound:
    return NotFound("There is no such response for this key.", param="response_id", code="response_not_found")


def _kept(table: Table, home: Home) -> list[str]:
    return [home.upstream] if home.upstream in table.snapshot.upstreams else []


def _upstreams(table: Table, key: Key) -> list[str]:
    """Who may have made a response for this key, in the order of the configuration."""
    snapshot = table.snapshot
    routes = [route for name, route in snapshot.routes.items() if may_use(key, name)]
    if "direct" in key.scopes:
        routes += snapshot.direct.values()
    variants = (variant for route in routes for variant in route.variants.values())
    return list(dict.fromkeys(one.upstream for one in variants if "responses" in one.endpoints))


def _timeouts(table: Table, home: Home | None) -> Timeouts:
    route = None if home is None else table.snapshot.routes.get(home.route)
    return Timeouts() if route is None else route.timeouts
