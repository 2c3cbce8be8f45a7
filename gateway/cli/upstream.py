"""`headgate upstream`: the simulated upstream alone, over HTTP."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import click
import uvloop

from gateway.cli.number import Number
from gateway.providers.simulation import Behaviour
from gateway.providers.simulation_book import Book, BookError, load
from gateway.providers.simulation_server import Server

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not a duration such as 300ms or 2s")
    return float(match[1]) * (0.001 if match[2] == "ms" else 1.0)


def _share(text: str) -> float:
    match = _SHARE.fullmatch(text.strip())
    share = float(match[1]) / 100 if match is not None else 2.0
    if share > 1.0:
        raise click.BadParameter(f"{text!r} is not a share such as 90%")
    return share


def _latency(_: click.Context, __: click.Parameter, text: str) -> tuple[float, float]:
    """`MEDIAN` or `MEDIAN,P95` in seconds."""
    parts = [_duration(part) for part in text.split(",")]
    if len(parts) > 2 or parts[-1] < parts[0]:
        raise click.BadParameter("must be MEDIAN or MEDIAN,P95, the second not below the first")
    return parts[0], parts[-1]


def _error_rate(_: click.Context, __: click.Parameter, text: str) -> float:
    return _share(text)


def _pass_rate(
    context: click.Context, parameter: click.Parameter, text: str
) -> tuple[tuple[float, float], ...]:
    """`90%`, or points `800=99%,2500=60%,3500=20%`."""
    if "=" not in text:
        return ((0.0, _share(text)),)
    points = []
    for part in text.split(","):
        rating, _, share = part.partition("=")
        if not re.fullmatch(r"\s*\d+(\.\d+)?\s*", rating):
            raise click.BadParameter(f"{part!r} is not a point such as 2500=60%")
        points.append((float(rating), _share(share)))
    return tuple(sorted(points))


@click.command(name="upstream")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--latency",
    default="0ms",
    show_default=True,
    callback=_latency,
    metavar="MEDIAN[,P95]",
    help="Time to the first token, log-normal: 300ms or 300ms,900ms.",
)
@click.option(
    "--tokens-per-second",
    default=0.0,
    show_default=True,
    type=Number(0),
    help="Pace of the tokens after the first; 0: at once.",
)
@click.option(
    "--error-rate",
    default="0%",
    show_default=True,
    callback=_error_rate,
    metavar="SHARE",
    help="Share of requests answered with 500.",
)
@click.option(
    "--pass-rate",
    default="100%",
    show_default=True,
    callback=_pass_rate,
    metavar="SHARE|POINTS",
    help="Share of right answers: 90%, or by rating 800=99%,3500=20%.",
)
@click.option("--book", type=click.Path(path_type=Path), help="Task book (JSON) that answers come from.")
@click.option("--seed", type=int, help="The same sequence of requests gets the same answers.")
def command(
    host: str,
    port: int,
    latency: tuple[float, float],
    tokens_per_second: float,
    error_rate: float,
    pass_rate: tuple[tuple[float, float], ...],
    book: Path | None,
    seed: int | None,
) -> None:
    """Run the simulated upstream alone: OpenAI and Gemini wire formats.

    Request headers x-simulated-* steer faults, one request at a time.
    """
    try:
        behaviour = Behaviour(
            latency_median=latency[0],
            latency_p95=latency[1],
            tokens_per_second=tokens_per_second,
            error_rate=error_rate,
            pass_rate=pass_rate,
            book=load(book) if book is not None else Book(),
            seed=seed,
        )
        uvloop.run(_serve(behaviour, host, port))
    except BookError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"--port {port} on {host}: {error.strerror or error}; choose another"
        ) from None


async def _serve(behaviour: Behaviour, host: str, port: int) -> None:
    server = Server(behaviour)
    port = await server.serve(host, port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"simulated upstream at http://{shown}:{port}/v1\n")
    sys.stdout.flush()
    await stop.wait()
    await server.close()
