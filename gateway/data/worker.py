"""A worker process: the data plane on one listening socket.

Started by the supervisor with inherited descriptors: its listening socket, a link to the supervisor (the
snapshot comes first; end of file means: leave) and a link to the control plane (records go out, snapshots
come in). It is ready without the control plane and outlives it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
from collections.abc import Iterator
from email.utils import formatdate
from time import monotonic, time

import uvicorn
import uvloop

from gateway.channel import series
from gateway.channel.link import Kind, Link
from gateway.data.app import make_application
from gateway.data.breakers import open_ones
from gateway.data.http import factory
from gateway.data.journey import Service
from gateway.data.record import FLUSH, Recorder
from gateway.data.table import Table
from gateway.log import configure
from routing.snapshot import Snapshot

SWEEP = 0.25
"""Seconds between looks at the connections' deadlines, and at what else changes slowly."""
SIGN_OF_LIFE = 1.0
"""Seconds between two messages to the control plane when there is nothing to tell."""
PAGE = os.sysconf("SC_PAGE_SIZE")


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, saying when it serves."""

    def __init__(self, config: uvicorn.Config, started: asyncio.Event) -> None:
        super().__init__(config)
        self._serving = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the supervisor's business."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts accepting."""
        await super().startup(sockets)
        self._serving.set()


class Worker:
    """One worker's life: wait for the snapshot, serve, drain, flush, leave."""

    def __init__(self, index: int, supervisor: Link, control: Link) -> None:
        self._index = index
        self._supervisor = supervisor
        self._control = control
        self._salt = os.urandom(6)
        self._recorder = Recorder(index)
        self._service: Service | None = None
        self._first: asyncio.Future[Table] = asyncio.get_running_loop().create_future()
        self._server: Server | None = None
        self._swept = 0.0
        self._told = 0.0
        self._gauges: dict[str, float] = {}

    async def run(self, listener: socket.socket) -> None:
        """Serves until told to drain, or until the supervisor is gone."""
        self._supervisor.listen(self._on_message, self._on_orphaned)
        service = self._service = Service(await self._first, self._recorder)
        # Only now: what the control plane had sent to our predecessor may be older than what we begin with.
        self._control.listen(self._on_message, lambda: None)
        service.application = make_application(service)
        started = asyncio.Event()
        config = uvicorn.Config(
            service.application, http=factory(service), ws="none", lifespan="off", loop="none",  # type: ignore[arg-type]
            log_config=None, access_log=False, server_header=False, date_header=False,
        )  # fmt: skip
        self._server = Server(config, started)
        ticking = asyncio.create_task(self._tick())
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        await started.wait()
        service.ready = True
        gc.collect()
        gc.freeze()
        await self._supervisor.send(Kind.READY)
        await serving
        ticking.cancel()
        self._flush()

    def _on_message(self, kind: Kind, message: bytes) -> None:
        if kind is Kind.SNAPSHOT:
            self._adopt(pickle.loads(message))
        elif kind is Kind.LAME_DUCK and self._service is not None:
            self._service.ready = False
            self._service.leaving = True
        elif kind is Kind.DRAIN:
            self._drain()

    def _adopt(self, snapshot: Snapshot) -> None:
        """Serves a newer snapshot from the next request on; requests under way keep theirs."""
        service = self._service
        if service is None:
            if not self._first.done():
                self._first.set_result(Table(snapshot, self._salt))
        elif snapshot.revision > service.table.snapshot.revision:
            old, service.table = service.table, Table(snapshot, self._salt, service.table)
            old.retire(service.table)

    def _on_orphaned(self) -> None:
        os._exit(1)

    def _drain(self) -> None:
        """Stops accepting; what is under way may end within `drain` seconds."""
        service, server = self._service, self._server
        if service is None or server is None:
            os._exit(0)
        if not service.draining:
            service.ready = False
            service.leaving = service.draining = True
            server.should_exit = True
            asyncio.get_running_loop().call_later(service.table.snapshot.drain, self._cut)

    def _cut(self) -> None:
        """The drain is over: streams get their error event, the rest a 503, and all connections close."""
        assert self._server is not None
        for run in list(self._server.server_state.tasks):
            run.cancel()
        for connection in list(self._server.server_state.connections):
            connection.shutdown()
        self._server.force_exit = True

    async def _tick(self) -> None:
        assert self._service is not None and self._server is not None
        while True:
            now = monotonic()
            if now >= self._swept + SWEEP:
                self._swept = now
                self._sweep(self._service, now)
            if self._news() or now >= self._told + SIGN_OF_LIFE:
                self._told = now
                self._flush()
            await asyncio.sleep(FLUSH)

    def _news(self) -> bool:
        """Whether there is anything to tell the control plane."""
        service, told = self._service, self._gauges
        assert service is not None
        return (
            not self._recorder.empty
            or service.budget.active != told.get(series.INFLIGHT)
            or service.table.snapshot.revision != told.get(series.REVISION)
        )

    def _sweep(self, service: Service, now: float) -> None:
        """Looks at the clock, at the connections' deadlines, at the memory; `now` on the monotonic clock."""
        assert self._server is not None
        service.date = formatdate(time(), usegmt=True).encode()
        self._gauges[series.RESIDENT] = float(_resident())
        for connection in list(self._server.server_state.connections):
            if connection.deadline < now:  # type: ignore[union-attr]
                connection.expire()  # type: ignore[union-attr]

    def _flush(self) -> None:
        service, gauges = self._service, self._gauges
        assert service is not None
        breakers = open_ones(service.table.snapshot, service.table.breakers)
        gauges[series.INFLIGHT] = float(service.budget.active)
        gauges[series.REVISION] = float(service.table.snapshot.revision)
        if self._control.try_send(Kind.BATCH, self._recorder.flush(gauges, breakers)):
            self._recorder.dropped = 0
        else:
            self._recorder.dropped += 1


def _resident() -> int:
    """Bytes of memory that this process holds (Linux; elsewhere 0)."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * PAGE
    except OSError:
        return 0


async def _main(arguments: argparse.Namespace) -> None:
    supervisor = Link.of_descriptor(arguments.supervisor)
    control = Link.of_descriptor(arguments.control)
    await Worker(arguments.index, supervisor, control).run(socket.socket(fileno=arguments.listen))


def main() -> None:
    """`python -P -m gateway.data.worker --index I --listen FD --supervisor FD --control FD`."""
    parser = argparse.ArgumentParser(description="A Headgate worker; started by the supervisor.")
    for name in ("--index", "--listen", "--supervisor", "--control"):
        parser.add_argument(name, type=int, required=True)
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    configure()
    uvloop.run(_main(parser.parse_args()))
    sys.exit(0)


if __name__ == "__main__":
    main()
