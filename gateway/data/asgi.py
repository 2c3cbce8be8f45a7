"""The way from our HTTP protocol to an ASGI application, for paths that are not hot (ASGI 3.0)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from gateway.data.request import Request

Message = MutableMapping[str, Any]


async def serve_asgi(application: ASGIApp, request: Request) -> None:
    """Lets the application answer the request, in a task of its own as ASGI libraries expect."""
    exchange, head = _Exchange(request), request.head
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": head.method.decode("ascii"),
        "path": unquote(head.path.decode("latin-1")),
        "raw_path": head.path,
        "query_string": head.query,
        "root_path": "",
        "headers": list(head.headers.items()),
        "client": None,
        "server": None,
        "headgate.request": request,
    }
    await asyncio.get_running_loop().create_task(_call(application, scope, exchange))


async def _call(application: ASGIApp, scope: dict[str, Any], exchange: _Exchange) -> None:
    await application(scope, exchange.receive, exchange.send)


class _Exchange:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._status = 200
        self._headers = b""
        self._received = False

    async def receive(self) -> Message:
        """The body, which cold paths take whole and without waiting, then the disconnect."""
        if self._received or not self._request.whole:
            return {"type": "http.disconnect"}
        self._received = True
        return {"type": "http.request", "body": self._request.body(), "more_body": False}

    async def send(self, message: Message) -> None:
        """Writes a whole answer at once, a longer one as it comes."""
        request = self._request
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = _lines(message.get("headers", ()))
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if not request.started and not more:
            request.respond(self._status, self._headers, body)
            return
        if not request.started:
            request.start(self._status, self._headers)
        if body and not request.head_only:
            request.write(body)
        if not more:
            request.end()


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % item for item in headers if item[0].lower() != b"content-length")
