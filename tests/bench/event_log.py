"""What an event costs: `python -m tests.bench.event_log [DIRECTORY]`, a temporary one by default.

Exposures whose ids and numbers are random, as real ones are; written in batches of a MiB of lines, each of
which is synchronised to the disk.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from config.server import Capture
from gateway.channel.records import Exposure
from gateway.control.event_log.event_log import EventLog
from tests.support.event_log import exposure, line

EVENTS = 200_000
BATCH = 2_000


def exposures() -> list[Exposure]:
    """Requests of a busy afternoon."""
    draw = random.Random(1)
    return [
        msgspec.structs.replace(
            exposure(), nonce=os.urandom(12), unit=draw.getrandbits(64),
            time=1_795_262_400 + number / 100, duration=draw.expovariate(1), first_token=draw.random(),
            input=draw.randrange(3000), output=draw.randrange(900), cost=draw.random() / 1000,
        )
        for number in range(EVENTS)
    ]  # fmt: skip


async def bench(directory: Path) -> None:
    """Writes all of them and prints what that took."""
    told, lost = exposures(), []
    log = EventLog(directory, Capture(), lost.append)
    adding, cpu, wall = 0.0, time.process_time(), time.perf_counter()
    for at in range(0, EVENTS, BATCH):
        begun = time.process_time()
        log.exposures(line(), told[at : at + BATCH], lambda nonce: None)
        adding += time.process_time() - begun
        await log.flush()
    await log.close()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    size = sum(path.stat().st_size for path in directory.iterdir())
    print(f"adding                              {adding / EVENTS * 1e6:6.2f} µs of CPU an event")
    print(f"compressing, writing, synchronising {(cpu - adding) / EVENTS * 1e6:6.2f} µs")
    print(f"on the disk                         {size / EVENTS:6.1f} bytes")
    print(f"one after the other                 {EVENTS / wall:6.0f} events a second; {sum(lost)} lost")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(bench(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as place:
            asyncio.run(bench(Path(place)))
