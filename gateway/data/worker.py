"""A worker process: the data plane on one listening socket.

Started by the supervisor with inherited descriptors: its listening socket, a link to the supervisor (the
snapshot comes first; end of file means: leave) and a link to the control plane (records go out, snapshots
come in). It is ready without the control plane and outlives it.

    lame duck   not ready, still accepting
    hand over   stops accepting, whoever is still connected may ask once more
    drain       after either: what is under way ends → last batch → exit
    cut         the drain is over: what has not ended is told so
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import pickle
import signal
import socket
import sys
from email.utils import formatdate
from functools import partial
from time import monotonic, time

import uvicorn
import uvloop

from gateway.channel import homes as wire
from gateway.channel import series
from gateway.channel.link import Kind, Link
from gateway.channel.outcomes import decode_receipts
from gateway.channel.thresholds import decode as decode_thresholds
from gateway.data.app import make_application
from gateway.data.breakers import failing, open_ones
from gateway.data.capture import Capture
from gateway.data.homes import Homes
from gateway.data.http import factory
from gateway.data.journey import Service
from gateway.data.outcomes import Reports
from gateway.data.record import FLUSH, Recorder
from gateway.data.table import Table
from gateway.log import configure
from gateway.providers.registry import ProviderRefused, prepare, within_reach
from gateway.rhythm import until_next
from gateway.server import Server
from routing.difficulty.thresholds import adjusted
from routing.snapshot import Snapshot

SWEEP = 0.25
"""Seconds between looks at the connections' deadlines, at the least."""
SIGN_OF_LIFE = 1.0
"""Seconds between two messages to the control plane when there is nothing to tell …"""
GAUGES = 0.5
"""… and when nothing but the number of requests under way has changed."""
SETTLE = 0.25
"""Seconds at least that connections accepted before a hand-over have to send a request."""
FAREWELL = 2.0
"""Seconds that a client which reads slowly has to take in how its answer was broken off."""
LAST_WORDS = 2.0
"""Seconds that the last message may wait for room in the channel to the control plane."""
GARBAGE = 10_000
"""Objects that there must be more of before Python looks for such as only refer to each other. Requests leave
next to none, and those under way are 25 objects each: at the usual 700 it looks every thirty requests."""
PAGE = os.sysconf("SC_PAGE_SIZE")
log = logging.getLogger("headgate.worker")


class Accepting(Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config, started: asyncio.Event) -> None:
        super().__init__(config)
        self._serving = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts accepting."""
        await super().startup(sockets)
        self._serving.set()

    def stop_accepting(self) -> None:
        """Leaves new connections to the others on the socket; those that are open stay."""
        for server in self.servers:
            server.close()


class Worker:
    """One worker's life: wait for the snapshot, serve, drain, flush, leave."""

    def __init__(self, index: int, lane: int, supervisor: Link, control: Link) -> None:
        self._supervisor = supervisor
        self._control = control
        self._salt = os.urandom(6)
        self._recorder = Recorder(index, lane)
        self._service: Service | None = None
        self._first: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._server: Accepting | None = None
        self._swept = 0.0
        self._told = 0.0
        self._second = 0
        self._stopped = False
        self._gauges: dict[str, float] = {}

    async def run(self, listener: socket.socket) -> None:
        """Serves until told to drain, or until the supervisor is gone.

        Raises ProviderRefused when what an upstream needs has gone since the snapshot was compiled.
        """
        self._supervisor.listen(self._on_message, self._on_orphaned)
        first = await self._first
        await prepare(first)
        service = self._service = Service(Table(first, self._salt), self._recorder)
        # Only now: what the control plane had sent to our predecessor may be older than what we begin with.
        self._control.listen(self._on_message, lambda: None)
        service.application = make_application(service)
        service.reports = Reports(partial(self._control.try_send, Kind.OUTCOMES))
        service.homes = Homes(self._control.try_send, self._recorder.lost)
        service.shadows.send = partial(self._control.try_send, Kind.COPIED)
        service.capture = Capture(partial(self._control.try_send, Kind.ANSWER), self._recorder.lost)
        started = asyncio.Event()
        config = uvicorn.Config(
            service.application, http=factory(service), ws="none", lifespan="off", loop="none",  # type: ignore[arg-type]
            log_config=None, access_log=False, server_header=False, date_header=False,
        )  # fmt: skip
        self._server = Accepting(config, started)
        self._tick()
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        await started.wait()
        service.ready = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE)
        await self._supervisor.send(Kind.READY)
        await serving
        await service.shadows.close()
        self._stopped = True
        await service.cascades.close()
        await self._flush_last()

    def _on_message(self, kind: Kind, message: bytes) -> None:
        if kind is Kind.SNAPSHOT:
            self._adopt(pickle.loads(message))
            self._again()  # a control plane begins by telling what is to be served
        elif kind is Kind.RECEIPTS and self._service is not None and self._service.reports is not None:
            self._service.reports.answered(decode_receipts(message))
        elif kind is Kind.HOME and self._service is not None and self._service.homes is not None:
            self._service.homes.told(wire.decode_told(message))
        elif kind is Kind.THRESHOLDS and self._service is not None:
            table = self._service.table
            table.snapshot = adjusted(table.snapshot, decode_thresholds(message))
        elif kind is Kind.LAME_DUCK and self._service is not None:
            self._service.ready = False
            self._service.leaving = True
        elif kind is Kind.HAND_OVER:
            self._hand_over()
        elif kind is Kind.DRAIN:
            self._drain()

    def _again(self) -> None:
        """There may be another control plane, which does not know what its predecessor was asked."""
        service = self._service
        if service is not None and service.reports is not None and service.homes is not None:
            service.reports.again()
            service.homes.again()

    def _adopt(self, snapshot: Snapshot) -> None:
        """Serves a newer snapshot from the next request on; requests under way keep theirs."""
        service = self._service
        if service is None:
            if not self._first.done():
                self._first.set_result(snapshot)
        elif snapshot.revision > service.table.snapshot.revision:
            if not within_reach(snapshot):
                log.info("revision %d takes a new worker; serving on until it is there", snapshot.revision)
                return
            old, service.table = service.table, Table(snapshot, self._salt, service.table)
            old.retire(service.table)

    def _on_orphaned(self) -> None:
        os._exit(1)

    def _hand_over(self) -> None:
        """A successor accepts: this worker answers whom it has, and drains once they have had time to ask.

        Every answer closes its connection. One that is idle is left open for a while, since a client may be
        sending a request on it right now.
        """
        service, server = self._service, self._server
        if service is None or server is None or not server.started:
            self._drain()
        elif not service.leaving:
            service.leaving = True
            server.stop_accepting()
            wait = max(service.table.snapshot.lame_duck, SETTLE)
            asyncio.get_running_loop().call_later(wait, self._drain)

    def _drain(self) -> None:
        """Stops accepting; what is under way may end within `drain` seconds."""
        service, server = self._service, self._server
        if service is None or server is None:
            os._exit(0)
        if not service.draining:
            service.leaving = service.draining = True
            server.leave()
            asyncio.get_running_loop().call_later(service.table.snapshot.drain, self._cut)

    def _cut(self) -> None:
        """The drain is over: streams get their error event, the rest a 503, and all connections close."""
        assert self._server is not None
        for run in list(self._server.server_state.tasks):
            run.cancel()
        for connection in list(self._server.server_state.connections):
            connection.shutdown()
        asyncio.get_running_loop().call_later(FAREWELL, self._give_up)

    def _give_up(self) -> None:
        """Whoever has not read the end by now never will."""
        assert self._server is not None
        self._server.force_exit = True

    def _tick(self) -> None:
        """Does what time brings about."""
        assert self._service is not None
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(until_next(FLUSH, loop.time()), self._tick)
        now = monotonic()
        if now >= self._swept + SWEEP:
            self._swept = now
            self._sweep(now)
        second = int(time())
        if second != self._second:
            self._second = second
            self._service.date = formatdate(second, usegmt=True).encode()
            self._gauges[series.RESIDENT] = float(_resident())
        if self._news(now - self._told):
            self._told = now
            self._flush()

    def _news(self, silent: float) -> bool:
        """Whether there is anything to tell the control plane, told nothing for `silent` seconds."""
        service, told = self._service, self._gauges
        assert service is not None
        return (
            not self._recorder.empty
            or service.table.snapshot.revision != told.get(series.REVISION)
            or (silent >= GAUGES and service.budget.active != told.get(series.INFLIGHT))
            or silent >= SIGN_OF_LIFE
        )

    def _sweep(self, now: float) -> None:
        """Looks at the connections' deadlines; `now` on the monotonic clock."""
        assert self._server is not None
        for connection in list(self._server.server_state.connections):
            if connection.deadline < now:  # type: ignore[union-attr]
                connection.expire()  # type: ignore[union-attr]

    def _flush(self) -> None:
        service, gauges = self._service, self._gauges
        assert service is not None
        breakers = open_ones(service.table.snapshot, service.table.breakers)
        failed = failing(service.table.breakers)
        gauges[series.INFLIGHT] = float(service.budget.active)
        gauges[series.REVISION] = float(service.table.snapshot.revision)
        if self._control.try_send(Kind.BATCH, self._recorder.flush(gauges, breakers, failed)):
            self._recorder.dropped = 0
        else:
            self._recorder.dropped += 1

    async def _flush_last(self) -> None:
        """What has been counted to the end must not be lost; having no gauges, it says that we have left."""
        message = self._recorder.flush({}, [], [])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._control.send(Kind.BATCH, message), LAST_WORDS)


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
    worker = Worker(arguments.index, arguments.lane, supervisor, control)
    await worker.run(socket.socket(fileno=arguments.listen))


def main() -> None:
    """`python -P -m gateway.data.worker --index I --lane 0|1 --listen FD --supervisor FD --control FD`."""
    parser = argparse.ArgumentParser(description="A Headgate worker; started by the supervisor.")
    for name in ("--index", "--lane", "--listen", "--supervisor", "--control"):
        parser.add_argument(name, type=int, required=True)
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(one, signal.SIG_IGN)
    configure()
    try:
        uvloop.run(_main(parser.parse_args()))
    except ProviderRefused as error:
        log.critical("%s", error)
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
