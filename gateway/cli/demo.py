"""`headgate demo`: the gateway, simulated models and a simulated application, live in the terminal."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.live import Live

from gateway.demo.application import Application
from gateway.demo.board import Board
from gateway.demo.child import gateway
from gateway.demo.ports import HOST, Ports, PortTaken, choose, choose_ports
from gateway.demo.process import Failed, Together
from gateway.demo.prometheus import USUAL_PORT, PrometheusMissing, program, prometheus
from gateway.demo.scenario import BOOK, CANDIDATES, set_up, weights
from gateway.demo.screen import WIDE, Place, how_to_call, line, screen, table
from gateway.providers.simulation_book import load

_REFRESH = 0.25
_LINE_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the demo was asked to run; `requests` and `duration` (seconds) None: until interrupted.

    `prometheus` is the program to start beside it and `prometheus_port` where it listens; empty, 0: none.
    """

    scenario: str
    speed: float
    requests: int | None
    duration: float | None
    as_json: bool
    prometheus: str = ""
    prometheus_port: int = 0


@click.command(name="demo")
@click.option(
    "--scenario",
    type=click.Choice(list(CANDIDATES)),
    default="good",
    show_default=True,
    help="How the fine-tuned candidate does against its baseline.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 100),
    default=1.0,
    show_default=True,
    help="Times as many requests a second.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Data port.  [default: 8080, or a free one]")
@click.option(
    "--admin-port", type=click.IntRange(1, 65535), help="Admin port.  [default: 8081, or a free one]"
)
@click.option("--requests", type=click.IntRange(1), help="End after so many requests.")
@click.option("--duration", type=click.FloatRange(1), help="End after so many seconds.")
@click.option(
    "--prometheus", "with_prometheus", is_flag=True, help="Start a local Prometheus that scrapes the gateway."
)
@click.option(
    "--prometheus-port", type=click.IntRange(1, 65535), help="Its port.  [default: 9090, or a free one]"
)
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the closing summary, as JSON.")
def command(
    scenario: str,
    speed: float,
    port: int | None,
    admin_port: int | None,
    requests: int | None,
    duration: float | None,
    with_prometheus: bool,
    prometheus_port: int | None,
    as_json: bool,
) -> None:
    """See Headgate at work: no keys, no network, nothing to configure.

    Starts the gateway with simulated models and an application that sends programming tasks, runs the
    returned programs on the tasks' samples, and shows split, latency, cost and pass rate per variant.
    """
    if prometheus_port and not with_prometheus:
        raise click.UsageError("--prometheus-port goes with --prometheus")
    try:
        ports = choose_ports(port, admin_port)
        options = Options(scenario, speed, requests, duration, as_json)
        if with_prometheus:
            its_port = choose("--prometheus-port", prometheus_port, USUAL_PORT, (ports.data, ports.admin))
            options = replace(options, prometheus=program(), prometheus_port=its_port)
        uvloop.run(_demo(options, ports))
    except (PortTaken, PrometheusMissing, Failed) as error:
        raise click.ClickException(str(error)) from None


async def _demo(options: Options, ports: Ports) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    setup = set_up(options.scenario)
    note = f"8080/8081 taken: on {ports.data} and {ports.admin}" if ports.moved else ""
    place = Place(options.scenario, ports.data, ports.admin, setup.key, options.prometheus_port, note)
    with tempfile.TemporaryDirectory(prefix="headgate-demo-") as name:
        directory = Path(name)
        children = [gateway(directory, setup.text, ports)]
        if options.prometheus:
            children.append(prometheus(options.prometheus, directory, options.prometheus_port, ports.admin))
        beside = Together(children)
        try:
            if await _unless(stop, beside.start()):
                await _drive(options, place, beside, stop)
        finally:
            await beside.stop()


async def _drive(options: Options, place: Place, beside: Together, stop: asyncio.Event) -> None:
    """Runs the application until it has done what was asked, is interrupted, or a program goes away."""
    board = Board(weights())
    application = Application(f"http://{HOST}:{place.port}/v1", place.key, load(BOOK), Random(), board.add)
    start = time.monotonic()
    showing = asyncio.create_task(_show(options, place, board, start))
    if options.duration is not None:
        asyncio.get_running_loop().call_later(options.duration, stop.set)
    try:
        await _unless(stop, _either(application.run(options.speed, options.requests), beside.watch()))
    finally:
        await application.close()
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
    _summarise(options, place, board, time.monotonic() - start)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Does `work` unless `stop` comes first; whether it was done."""
    return await _first(asyncio.create_task(work), asyncio.create_task(stop.wait()))


async def _either(work: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    await _first(asyncio.create_task(work), asyncio.create_task(other))


async def _first(work: asyncio.Task[Any], other: asyncio.Task[Any]) -> bool:
    """Waits for one of two tasks and cancels the other; whether it was `work`. Raises what it raised."""
    try:
        await asyncio.wait((work, other), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, other):
            if task.done():
                task.result()
        return work.done()
    finally:
        for task in (work, other):
            task.cancel()
        await asyncio.gather(work, other, return_exceptions=True)


async def _show(options: Options, place: Place, board: Board, start: float) -> None:
    console = Console()
    if options.as_json:
        return
    if not console.is_terminal:
        await _show_lines(console, place, board, start)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def refresh() -> None:
            live.update(screen(place, board, time.monotonic() - start, console.size), refresh=True)

        try:
            while True:
                refresh()
                await asyncio.sleep(_REFRESH)
        finally:
            refresh()


async def _show_lines(console: Console, place: Place, board: Board, start: float) -> None:
    at = f"Prometheus at {place.prometheus_url}. " if place.prometheus_port else ""
    click.echo(f"headgate demo, scenario {place.scenario}. {at}{place.note}".rstrip())
    console.print(how_to_call(place, WIDE), soft_wrap=True)
    while True:
        await asyncio.sleep(_LINE_EVERY)
        click.echo(line(board, time.monotonic() - start))


def _summarise(options: Options, place: Place, board: Board, seconds: float) -> None:
    if options.as_json:
        summary = {
            "scenario": options.scenario,
            "url": f"http://{HOST}:{place.port}/v1",
            "prometheus": place.prometheus_url or None,
            "seconds": round(seconds, 3),
            "requests": board.requests,
            "errors": board.errors,
            "variants": [asdict(row) for row in board.rows()],
        }
        click.echo(json.dumps(summary))
        return
    click.echo(line(board, seconds).partition("  |  ")[0])
    console = Console()
    console.print(table(board.rows(), console.width))
