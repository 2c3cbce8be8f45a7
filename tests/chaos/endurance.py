"""Nothing happens, for ten minutes: memory should not grow."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from itertools import groupby
from time import monotonic

from tests.bench.process import Member, family
from tests.chaos.crowd import run, until
from tests.chaos.flowing import flowing_upstream
from tests.chaos.lab import Lab
from tests.chaos.row import Figure, Figures, Row, none
from tests.chaos.steady import Steady
from tests.chaos.store import SERVED, counted
from tests.support.gateway import Gateway

RATE = 500.0
MINUTES = 10
WARM = 3
"""Minutes after which every buffer that has a bound has reached it."""
GROWTH = 8.0
"""MB that a process may have grown by at the end since then."""
Sizes = dict[str, float]
"""MB by process."""


def flat(lab: Lab) -> Figures:
    """500 requests a second, each with an outcome, and every process's memory at each full minute."""
    minute = lab.size(60.0, 0.5)
    with flowing_upstream(delay=0.005) as upstream:
        text = SERVED.replace("@MAIN@", upstream.url).replace("@STORE@", "sqlite")
        with lab.gateway(text, workers=2) as gateway:
            steady, marks = run(_watch(gateway, lab.size(RATE, 100.0), minute))
            lost = steady.acknowledged - counted(gateway)
    grown = {name: marks[-1][name] - size for name, size in marks[WARM - 1].items()}
    figures = [
        none("failures", [one for one in steady.told if not one.good]),
        Figure("of requests", len(steady.told)),
        Figure("outcomes", steady.acknowledged, at_least=1),
        Figure("lost", lost, at_most=0),
    ]
    for name, size in marks[-1].items():
        figures.append(Figure(name, size, "MB"))
        figures.append(Figure(f"since minute {WARM}", grown.get(name, 0.0), "MB", at_most=GROWTH, timed=True))
    return figures


async def _watch(gateway: Gateway, rate: float, minute: float) -> tuple[Steady, list[Sizes]]:
    marks: list[Sizes] = []
    async with Steady(gateway.port, "solver", rate) as steady:
        began = monotonic()
        for number in range(1, MINUTES + 1):
            await asyncio.sleep(began + number * minute - monotonic())
            marks.append(dict(sizes(family(gateway.process.pid))))
            told = ", ".join(f"{name} {size:.1f} MB" for name, size in marks[-1].items())
            print(f"minute {number:2}: {told}", file=sys.stderr, flush=True)
    await until(lambda: counted(gateway) >= steady.acknowledged)
    return steady, marks


def sizes(members: list[Member]) -> Iterator[tuple[str, float]]:
    """MB of each process; those of one role are numbered."""
    for role, some in groupby(sorted(members, key=lambda one: (one.role, one.pid)), lambda one: one.role):
        for number, member in enumerate(some):
            yield f"{role} {number}" if role == "worker" else role, member.resident / 1e6


ROWS = (
    Row(
        "memory-flat",
        "500 requests/s with outcomes, for ten minutes",
        f"every process is as large at the end as after {WARM} minutes: + {GROWTH:.0f} MB at most",
        flat,
        asked=True,
    ),
)
