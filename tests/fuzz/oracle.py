"""A second opinion: the same bytes read by h11, an HTTP parser that shares nothing with ours.

Where h11 is the stricter one it has no opinion. Where it reads on, both must agree on what a message holds
and where it ends, or one of the two could be smuggled past.
"""

from __future__ import annotations

from typing import NamedTuple

import h11


class Message(NamedTuple):
    """One message: what its first line says (method and target, or status), and its body."""

    first: tuple[bytes, ...]
    body: bytes


class Opinion(NamedTuple):
    """The whole messages, and whether h11 refused what follows them."""

    messages: list[Message]
    refused: bool


_DENIAL = h11.Response(status_code=404, headers=[("content-length", "0")])
"""Answers every request, so that neither an upgrade nor a tunnel begins."""


def requests(data: bytes) -> Opinion:
    """The requests in a client's bytes."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    seen: list[Message] = []
    first: tuple[bytes, ...] = ()
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                first, body = (bytes(event.method), bytes(event.target)), b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                seen.append(Message(first, body))
                connection.send(_DENIAL)
                connection.send(h11.EndOfMessage())
            elif event is h11.PAUSED:
                if connection.our_state is not h11.DONE:
                    return Opinion(seen, refused=True)  # it closes here
                connection.start_next_cycle()
            else:
                return Opinion(seen, refused=False)
    except h11.RemoteProtocolError:
        return Opinion(seen, refused=True)


def response(data: bytes, *, ended: bool) -> Opinion:
    """The answer to one GET in an upstream's bytes; `ended` when the connection ends behind them."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA and ended:
                ended = False
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return Opinion([Message((b"%d" % status,), body)], refused=False)
            elif not isinstance(event, h11.InformationalResponse):
                return Opinion([], refused=False)
    except h11.RemoteProtocolError:
        return Opinion([], refused=True)
