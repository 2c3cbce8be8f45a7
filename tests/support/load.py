"""Clients that ask without a pause, each in a thread of its own, and tell of everything that went wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator

from tests.support.client import PATIENCE, Client
from tests.support.processes import CHAT, body

END = b"data: [DONE]\n\n"
Ask = Callable[[http.client.HTTPConnection], str]
"""Asks once on a connection and says what was wrong with the answer, or nothing."""


def plain(connection: http.client.HTTPConnection) -> str:
    """A chat completion."""
    status, content = _post(connection, body())
    return "" if status == 200 and b"choices" in content else f"{status} {content!r}"


def streamed(connection: http.client.HTTPConnection) -> str:
    """A chat completion as a stream."""
    status, content = _post(connection, body(stream=True))
    return (
        ""
        if status == 200 and content.endswith(END) and b'"error"' not in content
        else f"{status} {content!r}"
    )


def ready(connection: http.client.HTTPConnection) -> str:
    """What a load balancer asks."""
    connection.request("GET", "/health/ready")
    response = connection.getresponse()
    response.read()
    return "" if response.status == 200 else f"readiness {response.status}"


def _post(connection: http.client.HTTPConnection, content: dict[str, object]) -> tuple[int, bytes]:
    connection.request("POST", CHAT, json.dumps(content).encode(), {"content-type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


class Load:
    """`completions` that were answered; `faults` are the answers that were not right and the errors.

    A client that finds the port closed ends: before it has connected nothing was promised to it.
    """

    def __init__(self, client: Client) -> None:
        self.completions = 0
        self.faults: list[str] = []
        self._client = client
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, ask: Ask, *, keep_alive: bool) -> None:
        """Another client, on one connection as long as the gateway keeps it or on a new one each time."""
        thread = threading.Thread(target=self._run, args=(ask, keep_alive))
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Waits until every client has found the port closed."""
        for thread in self._threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive()

    def stop(self) -> None:
        """Lets every client finish what it is asking."""
        self._over.set()
        self.wait()

    def _run(self, ask: Ask, keep_alive: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._client.port, timeout=PATIENCE)
        while not self._over.is_set():
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                return
            try:
                fault = ask(connection)
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
            with self._lock:
                self.faults += [fault] if fault else []
                self.completions += ask is not ready and not fault
            if fault or not keep_alive:
                connection.close()
        connection.close()


@contextlib.contextmanager
def load(client: Client) -> Iterator[Load]:
    """Five clients of all kinds, for as long as the block runs."""
    load = Load(client)
    try:
        for ask in (plain, streamed):
            for keep_alive in (True, False):
                load.start(ask, keep_alive=keep_alive)
        load.start(ready, keep_alive=False)
        yield load
    finally:
        load.stop()
