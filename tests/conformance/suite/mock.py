"""A specification mock: steady answers from an OpenAPI document; a relay before it notes what it is asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.conformance.listening import PATIENCE, listening
from tests.conformance.programs import TOOLS
from tests.support.ports import free_ports

STEADY = TOOLS / "steady" / "node_modules" / ".bin" / "steady"
AS_OPENAI_WRITES = [f"--validator-query-{kind}-format=brackets" for kind in ("array", "object")]
STREAMS = {"x-steady-stream-interval-ms": "0", "x-steady-stream-count": "3"}
_OWN = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}
"""Headers that belong to one connection, or that the relay writes itself."""


@dataclass(frozen=True)
class Asked:
    """One request as the mock received it; `body` is None for none."""

    method: str
    path: str
    body: Any


class Mock(ThreadingHTTPServer):
    """The relay in front of steady; `asked` holds what came since `forget`."""

    daemon_threads = True

    def __init__(self, steady: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.steady = steady
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients leave when they have what they want."""

    def forget(self) -> list[Asked]:
        """What it was asked so far, forgotten from now on."""
        asked, self.asked = self.asked, []
        return asked


@contextlib.contextmanager
def mocking(document: Path, folder: Path) -> Iterator[Mock]:
    """A mock of the API that the OpenAPI document describes; the log of steady goes into `folder`."""
    (port,) = free_ports(1)
    command = [str(STEADY), "--host", "127.0.0.1", "--port", str(port), "--quiet", *AS_OPENAI_WRITES]
    with listening([*command, str(document)], port, folder / "steady.log"), Mock(port) as mock:
        thread = threading.Thread(target=mock.serve_forever, daemon=True)
        thread.start()
        try:
            yield mock
        finally:
            mock.shutdown()
            thread.join(PATIENCE)


class _Relay(BaseHTTPRequestHandler):
    """What the API does and steady does not: events when the body says `stream`, and `[DONE]` at their end.

    Steady goes by `accept` alone, and knows of a stream only what the document says; where it says that an
    answer comes whole, the whole is the one event.
    """

    protocol_version = "HTTP/1.1"
    server: Mock

    def _relay(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.loads(raw) if raw else None
        self.server.asked.append(Asked(self.command, self.path, body))
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers = {name: value for name, value in headers.items() if name not in _OWN}
        headers |= STREAMS | {"accept-encoding": "identity"}
        stream = isinstance(body, dict) and body.get("stream") is True
        if stream:
            headers["accept"] = "text/event-stream, application/json;q=0.5"
        steady = http.client.HTTPConnection("127.0.0.1", self.server.steady, timeout=PATIENCE)
        with contextlib.closing(steady):
            steady.request(self.command, self.path, raw or None, headers)
            self._answer(steady.getresponse(), stream)

    do_GET = do_POST = do_DELETE = _relay

    def _answer(self, answer: http.client.HTTPResponse, stream: bool) -> None:
        content = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if answer.headers.get_content_type() == "text/event-stream":
            content = content.partition(b"event: done")[0] + b"data: [DONE]\n\n"
        elif stream and answer.status == 200:
            headers["content-type"] = "text/event-stream"
            content = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(json.loads(content)).encode()
        self.send_response(answer.status)
        for name, value in headers.items():
            if name not in _OWN:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests say what went wrong."""
