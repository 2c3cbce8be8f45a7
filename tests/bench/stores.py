"""Facts a second that a store takes: `python -m tests.bench.stores [URL]…`, SQLite and a Valkey of our own by
default.

Half of the facts are exposures, half are outcomes of the same requests, of 20,000 units; batches of 1,000 as
the control plane hands them in, one after the other.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from gateway.store.base import Handle, Store
from gateway.store.registry import make
from routing.evidence.ending import Ending, exposed
from routing.evidence.fact import P95, Fact, Request, UnitKey, by_unit, reported
from routing.evidence.outcomes import Report
from tests.support.valkey import Server

FACTS = 60_000
UNITS = 20_000
BATCH = 1_000


def facts() -> list[tuple[UnitKey, Fact]]:
    """What an application's users and their outcomes come to."""
    draw = random.Random(1)
    told = []
    for index in range(FACTS // 2):
        unit = draw.randrange(UNITS)
        key = UnitKey(1, "compared", unit * 0x9E3779B97F4A7C15 % 2**64)
        request = Request(key, 1_764_000_000_000 + index, os.urandom(12), 0, unit % 4, unit % 10 == 0)
        ending = Ending("ok", duration=draw.expovariate(1), cost=draw.random() / 100)
        told.append((key, exposed(request, ending, P95(3.0))))
        told.append((key, reported(request, draw.random() < 0.9)))
    return told


async def measure(name: str, store: Store) -> None:
    """Prints one line."""
    told = facts()
    reports = {
        Handle(1_764_000_000_000 + index, os.urandom(12)): [
            Report(f"{index}", "application", "validation_passed", True, 1)
        ]
        for index in range(FACTS // 2)
    }
    handles = list(reports)
    waits = []
    started = time.perf_counter()
    for start in range(0, FACTS, BATCH):
        at = time.perf_counter()
        await store.apply("solver/hard", 1, by_unit(told[start : start + BATCH]))
        waits.append(time.perf_counter() - at)
    applied = time.perf_counter()
    for start in range(0, len(handles), BATCH):
        await store.record({handle: reports[handle] for handle in handles[start : start + BATCH]}, 3_600)
    recorded = time.perf_counter()
    await store.evidence("solver/hard", 1)
    read = time.perf_counter()
    print(
        f"{name}: {FACTS / (applied - started):,.0f} facts/s (a batch of {BATCH}: median"
        f" {sorted(waits)[len(waits) // 2] * 1e3:.0f} ms, longest {max(waits) * 1e3:.0f} ms),"
        f" {len(handles) / (recorded - applied):,.0f} outcomes recorded/s,"
        f" cells read in {(read - recorded) * 1e3:.1f} ms"
    )
    await store.close()


async def main(urls: list[str]) -> None:
    """Measures each store in turn."""
    with tempfile.TemporaryDirectory() as directory:
        for url in urls:
            await measure(url.partition(":")[0], make(url, Path(directory), (b"k" * 32,)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place)).start()
        try:
            asyncio.run(main(sys.argv[1:] or ["sqlite", server.url]))
            print("of the server's memory:", server.say("INFO", "memory").split(b"\r\n")[3].decode())
        finally:
            server.kill()
