"""An admin port that tells of rollouts what a test wants, over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BASE = "/admin/v1/rollouts"


class AdminPort:
    """Answers by `readings` and `histories`, by name; what was asked is in `asked`.

    `refusal`: what every question is answered with instead, as status, code and message. The server can be
    stopped and started again on its port.
    """

    def __init__(self) -> None:
        self.readings: dict[str, dict[str, Any]] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.refusal: tuple[int, str, str] | None = None
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.refusal is not None:
            status, code, message = self.refusal
            return status, {"error": {"message": message, "code": code}}
        if path == BASE:
            return 200, list(self.readings.values())
        path, _, _ = path.partition("?")
        name, _, last = path.removeprefix(f"{BASE}/").rpartition("/")
        if method == "GET" and last != "history":
            name, last = f"{name}/{last}", ""
        if last == "history" and name in self.histories:
            return 200, self.histories[name]
        if name not in self.readings:
            return 404, {"error": {"message": "There is no such rollout.", "code": "rollout_not_found"}}
        return 200, [] if last == "history" else self.readings[name]


def _handler(port: AdminPort) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            sent = json.loads(content) if content else None
            port.asked.append(
                (self.command, self.path, sent, {k.lower(): v for k, v in self.headers.items()})
            )
            status, answer = port.answer(self.command, self.path, sent)
            written = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def admin_port() -> Iterator[AdminPort]:
    port = AdminPort()
    try:
        yield port
    finally:
        port.stop()
