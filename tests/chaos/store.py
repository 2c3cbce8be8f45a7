"""A store that dies or falls silent while requests and outcomes flow: a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from tests.chaos.crowd import run, until
from tests.chaos.flowing import flowing_upstream
from tests.chaos.lab import Lab
from tests.chaos.row import Figure, Figures, Row, none
from tests.chaos.steady import Steady, p99
from tests.support.gateway import Gateway
from tests.support.valkey import Server

SERVED = """
server:
  lame_duck: 0s
  signing_keys: ["a-signing-key-of-thirty-two-characters"]
upstreams:
  main: {provider: openai, base_url: "@MAIN@"}
store: {url: "@STORE@"}
routes:
  solver:
    variants:
      tuned: {upstream: main, model: tuned}
      base: {upstream: main, model: base}
    rollout: {baseline: base, candidate: tuned, stages: [50, 100]}
"""
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""Killed, it comes back with all that it had said it had."""
RECOVERY = 5.0
"""Seconds after which a store that is back should be used again."""


def away(lab: Lab, leave: Callable[[Server], None], come_back: Callable[[Server], object]) -> Figures:
    """The store goes for half a minute, at 500 requests a second, each of which gets an outcome."""
    rate, before, gone = lab.size(500.0, 100.0), lab.size(10.0, 1.0), lab.size(30.0, 2.0)
    with flowing_upstream(delay=0.005) as upstream:
        server = Server(lab.place(), *DURABLE).start()
        try:
            text = SERVED.replace("@MAIN@", upstream.url).replace("@STORE@", server.url)
            with lab.gateway(text, workers=2) as gateway:
                return run(_flow(gateway, server, (leave, come_back), rate, (before, gone)))
        finally:
            server.kill()


async def _flow(
    gateway: Gateway,
    server: Server,
    acts: tuple[Callable[[Server], None], Callable[[Server], object]],
    rate: float,
    lengths: tuple[float, float],
) -> Figures:
    leave, come_back = acts
    before, gone = lengths
    async with Steady(gateway.port, "solver", rate) as steady:
        times = [monotonic()]
        await asyncio.sleep(before)
        times.append(monotonic())
        await asyncio.to_thread(leave, server)
        await asyncio.sleep(gone)
        held, known = steady.acknowledged, await asyncio.to_thread(counted, gateway)
        times.append(monotonic())
        await asyncio.to_thread(come_back, server)
        await until(lambda: counted(gateway) > known)
        used = monotonic() - times[-1]
        await until(lambda: counted(gateway) >= held)
        caught_up = monotonic() - times[-1]
        await asyncio.sleep(before)
    times.append(monotonic())
    await until(lambda: counted(gateway) >= steady.acknowledged)
    first, second, third = (steady.window(start, end) for start, end in zip(times, times[1:], strict=False))
    usual, meanwhile = p99(first), p99(second)
    return [
        none("failures", [one for one in steady.told if not one.good]),
        Figure("of requests", len(steady.told)),
        Figure("reports put off", steady.put_off, at_most=0),
        none("reports refused", steady.refused),
        Figure("outcomes acknowledged", steady.acknowledged, at_least=1),
        Figure("lost", steady.acknowledged - counted(gateway), at_most=0),
        Figure("counted twice", counted(gateway) - steady.acknowledged, at_most=0),
        Figure("p99 before", usual, "ms"),
        Figure("meanwhile", meanwhile, "ms"),
        Figure("more", meanwhile - usual, "ms", at_most=10, timed=True),
        Figure("p99 afterwards", p99(third), "ms"),
        Figure("used again after", used, "s", at_most=RECOVERY, timed=True),
        Figure(f"the {held - known:,.0f} outcomes of that time brought in after", caught_up, "s"),
    ]


def counted(gateway: Gateway) -> float:
    """The outcomes that the store says it has counted."""
    return gateway.metric("headgate_outcomes_total", metric="validation_passed", value="true")


def killed(lab: Lab) -> Figures:
    """SIGKILL; its file is kept."""
    return away(lab, Server.kill, Server.start)


def stalled(lab: Lab) -> Figures:
    """It takes what is sent and answers nothing."""
    return away(lab, Server.stall, Server.go_on)


ROWS = (
    Row(
        "store-killed",
        "the store is killed for 30 s at 500 requests/s with outcomes",
        "nobody notices, outcomes are kept and brought in: failures 0, lost 0, p99 + 10 ms at most",
        killed,
        test="test_recording.py::test_the_store_is_killed_and_stalled_while_outcomes_flow",
    ),
    Row(
        "store-stalled",
        "the store accepts and never answers, likewise",
        "the same",
        stalled,
        test="test_recording.py::test_the_store_is_killed_and_stalled_while_outcomes_flow",
    ),
)
