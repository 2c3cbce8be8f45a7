"""A simulated upstream in the tests' own process, over real sockets, and what it has been asked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from gateway.providers.simulation import Behaviour
from gateway.providers.simulation_server import Received, Server


class SimulatedUpstream:
    """Serves between `start` and `stop`; `calls` are the newest, as they came."""

    def __init__(self) -> None:
        self.port = 0
        self._server = Server(Behaviour())
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def calls(self) -> list[Received]:
        """All calls but those for lists."""
        return list(self._server.calls)

    def reset(self) -> None:
        """Forgets what it was asked."""
        self._server.calls.clear()

    def start(self) -> None:
        """Returns once it listens."""
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        """Ends every connection and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self.port = self._loop.run_until_complete(self._server.serve("127.0.0.1", 0))
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._server.close())
        self._loop.close()


@contextlib.contextmanager
def simulated_upstream() -> Iterator[SimulatedUpstream]:
    """One that is served while the block runs."""
    upstream = SimulatedUpstream()
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()
