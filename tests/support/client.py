"""A plain HTTP client for tests: one connection a request, nothing retried, nothing hidden."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

Told = TypeVar("Told")

PATIENCE = 20.0
"""Seconds that a test waits for something that should come at once."""


@dataclass(frozen=True)
class Response:
    """A whole response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which must be in the envelope."""
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error


class Open:
    """A response being read."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._response: http.client.HTTPResponse | None = None

    def begin(self) -> http.client.HTTPResponse:
        if self._response is None:
            self._response = self._connection.getresponse()
        return self._response

    def read_event(self) -> bytes:
        """The next whole event."""
        response, event = self.begin(), b""
        while not event.endswith(b"\n\n"):
            byte = response.read(1)
            assert byte, "the stream ended"
            event += byte
        return event


class Client:
    """Talks to a gateway on `port`, its admin plane on `admin_port`, with keys by name."""

    def __init__(self, port: int, admin_port: int, keys: dict[str, str]) -> None:
        self.port = port
        self.admin_port = admin_port
        self._keys = keys

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._keys.get(key, key)}"}

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "app",
        headers: dict[str, str] | None = None,
        port: int | None = None,
    ) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE)
        try:
            raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            sent = self.headers(key) | ({"content-type": "application/json"} if raw is not None else {})
            connection.request(method, path, raw, sent | (headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, names, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, **options: Any) -> Response:
        return self.request("POST", path, body, **options)

    def get(self, path: str, **options: Any) -> Response:
        return self.request("GET", path, **options)

    def admin(self, method: str, path: str, body: Any = None, **options: Any) -> Response:
        return self.request(method, path, body, port=self.admin_port, **{"key": "admin", **options})

    @contextlib.contextmanager
    def open(self, path: str, body: Any, *, key: str = "app", wait: bool = True) -> Iterator[Open]:
        """Sends a request and leaves when the block ends, whatever is still to come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = self.headers(key) | {"content-type": "application/json"}
        connection.request("POST", path, json.dumps(body).encode(), headers)
        opened = Open(connection)
        try:
            if wait:
                opened.begin()
            yield opened
        finally:
            connection.close()
            if opened._response is not None:
                opened._response.close()

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of a series' samples that carry these labels."""
        text = self.request("GET", "/metrics", port=self.admin_port).body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for_metric(self, value: float, name: str, /, **labels: str) -> None:
        """Waits until the series has reached this value."""
        self.wait_until(lambda: self.metric(name, **labels) > value - 1e-12 - abs(value) * 1e-9)

    def wait_until(self, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Waits until something holds; fails when it never does."""
        end = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.02)

    def insist(self, ask: Callable[[], Response]) -> Response:
        """What `ask` is answered, asked again while that is 503, as clients do."""
        return self.until_heard(ask, lambda answer: answer.status != 503)[-1]

    def until_heard(self, ask: Callable[[], Told], heard: Callable[[Told], bool]) -> list[Told]:
        """What `ask` came to, each time that it was done until it was `heard`."""
        told: list[Told] = []

        def again() -> bool:
            told.append(ask())
            return heard(told[-1])

        self.wait_until(again)
        return told
