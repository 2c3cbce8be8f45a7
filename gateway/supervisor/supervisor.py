"""The supervisor: keeps the workers and the control plane running, and lets them go in the right order.

    start    listeners → children, all at once → every worker ready → one line
    SIGTERM  lame duck: not ready, still accepting → drain: listeners close, workers finish, flush and leave
             → the control plane takes their last records and leaves
    SIGINT   the same without the lame duck, for whoever sits at the terminal
    SIGHUP   the control plane reads the configuration again
    SIGUSR1  the workers are replaced, one after another: see `roll`
    a second SIGTERM or SIGINT: children are killed

It holds every socket that must outlive a child: the listeners, and both ends of the workers' links to the
control plane, two for each worker. What a process that was killed had not read yet is there for its
successor.
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
from gateway.compiled import manner
from gateway.control.source import Source
from gateway.supervisor.child import OURS, Child
from gateway.supervisor.roll import Roll
from gateway.supervisor.sockets import turn_away, url_of

log = logging.getLogger("headgate.supervisor")

GRACE = 5.0
"""Seconds beyond what the configuration grants after which a child that has not left is killed."""
SETTLE = 0.25
"""Seconds, before the listeners close, for connections that clients have begun: to be accepted, and to send a
request."""
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
        self._fault: BaseException | None = None
        # Kept open in this process: (worker's end, control plane's end), for each worker and lane.
        self._pairs = [(pair(), pair()) for _ in listeners.workers]
        self._roll = Roll(len(listeners.workers), self._worker, self._on_end, self._patience)
        self._control = self._control_plane()

    async def run(self) -> None:
        """Returns once everybody has left. Raises StillBorn when a child cannot start."""
        self._take_signals()
        self._roll.start()
        self._control.start().add_done_callback(self._on_end)
        rolling = asyncio.create_task(self._serve())
        try:
            await self._asked.wait()
            rolling.cancel()
            if self._fault is not None:
                raise self._fault
            await self._leave()
        finally:
            rolling.cancel()
            self._kill()
            await asyncio.gather(rolling, *(child.left() for child in self._children), return_exceptions=True)
            self._listeners.close()
            self._take_no_signals()

    # ── the children ─────────────────────────────────────────────────────────────────────────────────

    @property
    def _children(self) -> list[Child]:
        return [*self._roll.everybody, self._control]

    def _worker(self, index: int, lane: int) -> Child:
        listener, end = self._listeners.workers[index].fileno(), self._pairs[index][lane][0].fileno()
        numbers = {"--index": index, "--lane": lane, "--listen": listener, "--control": end}
        return Child(
            f"worker {index}",
            "gateway.data.worker",
            [str(word) for option in numbers.items() for word in option],
            (listener, end),
            greeting=lambda: (Kind.SNAPSHOT, self._snapshot),
            on_message=self._on_message,
            prompt=True,
        )

    def _control_plane(self) -> Child:
        ends = [end.fileno() for lanes in self._pairs for _, end in lanes]
        admin = self._listeners.admin.fileno()
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
        elif kind is Kind.ROLL:
            self._roll.ask()

    def _on_end(self, life: asyncio.Task[None]) -> None:
        """A child is kept running no longer: it was told to leave, or it never can be."""
        fault = None if life.cancelled() else life.exception()
        if fault is not None:
            self._fault = self._fault or fault
            self._asked.set()

    def _patience(self) -> float:
        """Seconds after which a worker that has handed over should have left."""
        return max(self._source.snapshot.lame_duck, SETTLE) + self._source.snapshot.drain + GRACE

    async def _serve(self) -> None:
        """Says when every worker serves; from then on replaces them whenever that is asked for."""
        for worker in self._roll.serving:
            await worker.ready.wait()
        self._announce()
        await self._roll.run()

    def _announce(self) -> None:
        """One line that says where it serves."""
        url, admin = url_of(self._listeners.workers[0]), url_of(self._listeners.admin)
        path = self._source.path
        fields = {
            "event": "serving",
            "url": url,
            "admin_url": admin,
            "workers": len(self._pairs),
            "modules": manner(),
            "config": str(path) if path else None,
            "processes": {child.name: child.pid for child in self._children},
        }
        log.info(
            "serving %s (%d %s, %s, configuration from %s), admin on %s",
            url,
            len(self._pairs),
            "worker" if len(self._pairs) == 1 else "workers",
            fields["modules"],
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
        loop.add_signal_handler(signal.SIGUSR1, self._roll.ask)
        loop.add_signal_handler(signal.SIGCHLD, self._on_child)

    def _take_no_signals(self) -> None:
        """There is nothing left to hasten: the exit status is 0, whatever comes during the last moments."""
        loop = asyncio.get_running_loop()
        for number in OURS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _on_child(self) -> None:
        for child in self._children:
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
        for child in self._children:
            child.kill()

    async def _leave(self) -> None:
        """Lame duck, then drain; the control plane goes last."""
        snapshot = self._source.snapshot
        self._roll.stop()
        for child in self._children:
            child.tell(Kind.LAME_DUCK)
        if self._patient:
            log.info("leaving: not ready, still accepting for %g s", snapshot.lame_duck)
            await self._pause(snapshot.lame_duck)
            turn_away(self._listeners.workers)
            await self._pause(SETTLE)
        log.info("leaving: %g s at most for what is under way", snapshot.drain)
        # Ours first: with a copy open here the kernel would go on queueing connections for nobody.
        for listener in self._listeners.workers:
            listener.close()
        workers = self._roll.everybody
        for worker in workers:
            worker.leave()
        await _all_left(workers, snapshot.drain + GRACE)
        for worker in workers:
            worker.kill()
        self._control.leave()
        await _all_left([self._control], GRACE)

    async def _pause(self, seconds: float) -> None:
        """Waits, unless somebody is in a hurry."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hastened.wait(), seconds)


async def _all_left(children: Sequence[Child], timeout: float) -> None:
    """Waits until they have left, `timeout` seconds at most."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(child.left() for child in children)), timeout)
