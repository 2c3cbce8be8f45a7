"""The supervisor: keeps the workers and the control plane running, and lets them go in the right order.

    start    listeners → children, all at once → every worker ready → one line
    SIGTERM  lame duck: not ready, still accepting → drain: listeners close, workers finish, flush and leave
             → the control plane takes their last records and leaves
    SIGINT   the same without the lame duck, for whoever sits at the terminal
    SIGHUP   the control plane reads the configuration again
    a second SIGTERM or SIGINT: children are killed

It holds every socket that must outlive a child: the listeners, and both ends of each worker's link to the
control plane. What a process that was killed had not read yet is there for its successor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from gateway.channel.link import Kind, pair
from gateway.control.source import Source
from gateway.supervisor.child import Child
from gateway.supervisor.sockets import url_of

log = logging.getLogger("headgate.supervisor")

GRACE = 5.0
"""Seconds beyond what the configuration grants after which a child that has not left is killed."""
ECHO = 0.5
"""Seconds within which a second request to leave is the first one's echo: some send a signal both to the
process and to its group."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listening sockets: one a worker, and the admin port's."""

    workers: Sequence[socket.socket]
    admin: socket.socket

    def close(self) -> None:
        """Closes our copies; the children have their own."""
        for listener in self.workers:
            listener.close()
        self.admin.close()


class Supervisor:
    """Serves `source` on `listeners` until told to leave."""

    def __init__(self, listeners: Listeners, source: Source) -> None:
        self._listeners = listeners
        self._source = source
        self._snapshot = pickle.dumps(source.snapshot, protocol=5)
        self._asked = asyncio.Event()
        self._asked_at = 0.0
        self._hastened = asyncio.Event()
        self._patient = True
        # Kept open in this process: (worker's end, control plane's end).
        self._pairs = [pair() for _ in listeners.workers]
        self._workers = [self._worker(index) for index in range(len(listeners.workers))]
        self._control = self._control_plane()

    async def run(self) -> None:
        """Returns once everybody has left. Raises StillBorn when a child cannot start."""
        self._take_signals()
        lives = [asyncio.create_task(child.keep()) for child in (*self._workers, self._control)]
        asked = asyncio.create_task(self._asked.wait())
        announcing = asyncio.create_task(self._announce())
        try:
            await asyncio.wait((asked, *lives), return_when=asyncio.FIRST_COMPLETED)
            for life in lives:
                if life.done():
                    life.result()
            await self._leave(lives)
        finally:
            asked.cancel()
            announcing.cancel()
            self._kill()
            await asyncio.gather(asked, announcing, *lives, return_exceptions=True)
            self._listeners.close()
            self._take_no_signals()

    # ── the children ─────────────────────────────────────────────────────────────────────────────────

    def _worker(self, index: int) -> Child:
        listener, end = self._listeners.workers[index].fileno(), self._pairs[index][0].fileno()
        return Child(
            f"worker {index}",
            "gateway.data.worker",
            ["--index", str(index), "--listen", str(listener), "--control", str(end)],
            (listener, end),
            greeting=lambda: (Kind.SNAPSHOT, self._snapshot),
            on_message=self._on_message,
        )

    def _control_plane(self) -> Child:
        admin, ends = self._listeners.admin.fileno(), [end.fileno() for _, end in self._pairs]
        return Child(
            "control plane",
            "gateway.control.main",
            ["--admin", str(admin), "--workers", ",".join(map(str, ends))],
            (admin, *ends),
            greeting=lambda: (Kind.SOURCE, self._source.dump()),
            on_message=self._on_message,
        )

    def _on_message(self, kind: Kind, message: bytes) -> None:
        """The control plane has taken a new configuration: whoever starts from now on starts from it."""
        if kind is Kind.SOURCE:
            self._source = Source.read(message)
            self._snapshot = pickle.dumps(self._source.snapshot, protocol=5)

    async def _announce(self) -> None:
        """One line once every worker serves."""
        for worker in self._workers:
            await worker.ready.wait()
        url, admin = url_of(self._listeners.workers[0]), url_of(self._listeners.admin)
        path = self._source.path
        fields = {
            "event": "serving",
            "url": url,
            "admin_url": admin,
            "workers": len(self._workers),
            "config": str(path) if path else None,
            "processes": {child.name: child.pid for child in (*self._workers, self._control)},
        }
        log.info(
            "serving %s (%d %s, configuration from %s), admin on %s",
            url,
            len(self._workers),
            "worker" if len(self._workers) == 1 else "workers",
            path or "the environment",
            admin,
            extra={"fields": fields},
        )

    # ── signals and leaving ──────────────────────────────────────────────────────────────────────────

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_leave, True)
        loop.add_signal_handler(signal.SIGINT, self._on_leave, False)
        loop.add_signal_handler(signal.SIGHUP, self._control.tell, Kind.RELOAD)
        loop.add_signal_handler(signal.SIGCHLD, self._on_child)

    def _take_no_signals(self) -> None:
        """There is nothing left to hasten: the exit status is 0, whatever comes during the last moments."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _on_child(self) -> None:
        for child in (*self._workers, self._control):
            child.look()

    def _on_leave(self, patient: bool) -> None:
        if not self._asked.is_set():
            self._patient = patient
            self._asked_at = monotonic()
            self._asked.set()
        elif monotonic() - self._asked_at > ECHO:
            log.warning("asked again: leaving at once")
            self._hastened.set()
            self._kill()

    def _kill(self) -> None:
        for child in (*self._workers, self._control):
            child.kill()

    async def _leave(self, lives: list[asyncio.Task[None]]) -> None:
        """Lame duck, then drain; the control plane goes last."""
        snapshot = self._source.snapshot
        for child in (*self._workers, self._control):
            child.tell(Kind.LAME_DUCK)
        lame_duck = snapshot.lame_duck if self._patient else 0.0
        if lame_duck:
            log.info("leaving: not ready, still accepting for %g s", lame_duck)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hastened.wait(), lame_duck)
        log.info("leaving: %g s at most for what is under way", snapshot.drain)
        # Ours first: with a copy open here the kernel would go on queueing connections for nobody.
        for listener in self._listeners.workers:
            listener.close()
        for worker in self._workers:
            worker.leave()
        await asyncio.wait(lives[:-1], timeout=snapshot.drain + GRACE)
        for worker in self._workers:
            worker.kill()
        self._control.leave()
        await asyncio.wait(lives[-1:], timeout=GRACE)
