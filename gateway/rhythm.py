"""When to wake up: everybody on this machine who does so regularly does it at the same moments.

A process that is woken for nothing but a look at the clock finds cold caches and leaves them colder, to
whatever request comes next. Ten that are woken together cost little more than one.
"""

from __future__ import annotations

import asyncio

EARLY = 0.25
"""The share of a period by which a timer may be early, or somebody asks ahead of the moment."""


def until_next(period: float, now: float) -> float:
    """Seconds from `now`, on the monotonic clock, to the next multiple of `period`: a quarter of it at least.

    A timer that is early by a moment is not set for that same moment again.
    """
    left = period - now % period
    return left if left >= period * EARLY else left + period


async def next_moment(period: float) -> None:
    """Waits for the next multiple of `period` seconds."""
    await asyncio.sleep(until_next(period, asyncio.get_running_loop().time()))


async def next_moment_or(event: asyncio.Event, period: float) -> None:
    """The same, unless `event` is set before."""
    try:
        left = until_next(period, asyncio.get_running_loop().time())
        await asyncio.wait_for(event.wait(), left)
    except TimeoutError:
        return
