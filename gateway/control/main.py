"""The control plane's process: one beside the workers, which serve on without it.

Started by the supervisor with inherited descriptors: the admin port's listening socket, a link to the
supervisor (the source comes first; end of file means: leave) and two to each worker, one of them for its
successor while it is being replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
from functools import partial
from importlib.metadata import version

import uvicorn
import uvloop

from gateway.channel.link import Kind, Link
from gateway.control.api import make_app
from gateway.control.metrics import Metrics
from gateway.control.plane import Plane
from gateway.control.reload import Reloader
from gateway.control.source import Source
from gateway.log import configure
from gateway.server import Server

COLLECT = 50_000, 5, 5
"""Thresholds of the collector of cycles."""
NICE = 2
"""Where cores are short a request goes before its record. Still a third of a core is left for records, and a
worker whose users are all new causes a quarter."""
log = logging.getLogger("headgate.control")


class Control:
    """The control plane's life: wait for the source, serve, flush, leave."""

    def __init__(self, supervisor: Link, workers: list[Link]) -> None:
        self._supervisor = supervisor
        self._workers = workers
        self._source: asyncio.Future[Source] = asyncio.get_running_loop().create_future()
        self._plane: Plane | None = None
        self._reloader: Reloader | None = None
        self._server: Server | None = None

    async def run(self, admin: socket.socket) -> None:
        """Serves until told to drain, or until the supervisor is gone."""
        self._supervisor.listen(self._on_message, self._on_orphaned)
        plane = self._plane = Plane(
            await self._source, self._supervisor, self._workers, Metrics(version("headgate"))
        )
        for worker in self._workers:
            worker.listen(partial(plane.on_message, worker), lambda: None)
        reloader = self._reloader = Reloader(plane)
        config = uvicorn.Config(
            make_app(plane), lifespan="off", loop="none", ws="none", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = Server(config)
        plane.ready = True
        # What is there now stays. Batches of records come and go whole, and hold no cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)
        await self._supervisor.send(Kind.READY)
        running = [asyncio.create_task(work) for work in (reloader.watch(), *plane.work())]
        for task in running:
            task.add_done_callback(self._on_ended)
        await self._server.serve(sockets=[admin])
        for task in running:
            task.cancel()
        await plane.close()

    def _on_message(self, kind: Kind, message: bytes) -> None:
        if kind is Kind.SOURCE and not self._source.done():
            self._source.set_result(Source.read(message))
        elif kind is Kind.RELOAD and self._reloader is not None:
            self._reloader.ask()
        elif kind is Kind.LAME_DUCK and self._plane is not None:
            self._plane.ready = False
        elif kind is Kind.DRAIN:
            self._drain()

    def _drain(self) -> None:
        """Workers have gone; what they sent last is read before this is."""
        if self._server is None:
            os._exit(0)
        self._server.leave()

    def _on_ended(self, task: asyncio.Task[None]) -> None:
        """A fault of ours must not leave edits unseen or evidence uncounted: leave, to be started again."""
        if not task.cancelled() and self._server is not None:
            log.critical("a part of the control plane failed", exc_info=task.exception())
            self._server.leave()

    def _on_orphaned(self) -> None:
        os._exit(1)


async def _main(arguments: argparse.Namespace) -> None:
    supervisor = Link.of_descriptor(arguments.supervisor)
    workers = [Link.of_descriptor(int(number)) for number in arguments.workers.split(",")]
    await Control(supervisor, workers).run(socket.socket(fileno=arguments.admin))


def main() -> None:
    """`python -P -m gateway.control.main --admin FD --supervisor FD --workers FD,FD,…`."""
    parser = argparse.ArgumentParser(description="Headgate's control plane; started by the supervisor.")
    parser.add_argument("--admin", type=int, required=True)
    parser.add_argument("--supervisor", type=int, required=True)
    parser.add_argument("--workers", required=True)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)
    configure()
    os.nice(NICE)
    uvloop.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
