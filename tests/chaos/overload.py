"""More requests than the gateway takes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from tests.chaos.crowd import Caller, Told, callers, each, percentile, run
from tests.chaos.flowing import flowing_upstream
from tests.chaos.lab import Lab, raw, raw_chat, slowest
from tests.chaos.row import Figure, Figures, Row, none
from tests.support.gateway import Gateway

SERVED = """
server:
  lame_duck: 0s
  limits: {concurrency: @CONCURRENCY@}
upstreams:
  main: {provider: openai, base_url: "@MAIN@"}
routes:
  solver:
    variants: {only: {upstream: main, model: m}}
    variant: only
"""
DELAY = 0.1
"""Seconds that the upstream takes: with so many requests at once the capacity is their number / DELAY."""
TIMES = 3
REQUEST = raw_chat("solver")


def three_times(lab: Lab) -> Figures:
    """The peak in a closed loop, then three times as many requests, whoever is still waiting."""
    concurrency = lab.size(100, 20)
    seconds = lab.size(10.0, 3.0)
    with flowing_upstream(delay=DELAY) as upstream:
        text = SERVED.replace("@MAIN@", upstream.url).replace("@CONCURRENCY@", str(concurrency))
        with lab.gateway(text) as gateway:
            peak = run(peak_of(gateway.port, concurrency, seconds / 2))
            # What a short moment shows of the peak may be far too little; it is never more than this.
            capacity = lab.size(peak, concurrency / DELAY)
            told, probes = run(flood(gateway, TIMES * capacity, seconds))
    good = [one for one in told if one.good]
    goodput = rate(good, seconds)
    refused = [one for one in told if is_refusal(one)]
    wrong = [one for one in told if not (one.good or is_refusal(one))]
    return [
        Figure("peak", peak, "/s"),
        Figure("goodput of the peak", 100 * goodput / max(peak, 1.0), "%", at_least=90, timed=True),
        none("other than an answer or `overloaded` with retry-after", wrong),
        Figure("refused", 100 * len(refused) / len(told), "%", at_least=1),
        milliseconds("p99 of a refusal", refused),
        milliseconds("p99 of an answer", good),
        none("health, admin, outcomes failed", [one for one in probes if not one.good]),
        Figure("of", len(probes)),
        Figure("slowest of them", slowest([one.seconds for one in probes]), "s", at_most=1, timed=True),
    ]


async def peak_of(port: int, concurrency: int, seconds: float) -> float:
    """Answers a second when exactly as many clients ask as may at once."""
    end = monotonic() + seconds

    async def loop(one: Caller) -> list[Told]:
        await asyncio.sleep(DELAY * crowd.index(one) / concurrency)  # answers should come one by one, too
        told = []
        while monotonic() < end:
            told.append(await one.ask(REQUEST))
        return told

    with callers(port, concurrency) as crowd:
        told = [one for part in await each(crowd, loop) for one in part]
    assert all(one.good for one in told), next(one for one in told if not one.good)
    return rate(told, seconds)


def rate(told: Sequence[Told], seconds: float) -> float:
    """Answers a second among those that came within so many seconds, the filling of the pipe left out."""
    began = min((one.began for one in told), default=0.0)
    counted = [one for one in told if 2 * DELAY < one.ended - began <= seconds]
    return len(counted) / (seconds - 2 * DELAY)


async def flood(gateway: Gateway, rate: float, seconds: float) -> tuple[list[Told], list[Told]]:
    """Requests at a fixed rate for some seconds, each by a client who is idle, or a new one; and probes.

    There are as many of them whatever the machine does meanwhile.
    """
    idle: list[Caller] = []
    crowd: list[Caller] = []
    asking: list[asyncio.Task[Told]] = []
    over = asyncio.Event()
    with callers(gateway.port, 1) as (one,):
        handle = (await one.ask(REQUEST)).headers["x-request-id"]
    probing = asyncio.create_task(probe(gateway, handle, over))

    async def ask() -> Told:
        if not idle:
            idle.append(Caller(gateway.port))
            crowd.append(idle[-1])
        one = idle.pop()
        told = await one.ask(REQUEST)
        idle.append(one)
        return told

    began = monotonic()
    try:
        while len(asking) < seconds * rate:
            while len(asking) < min(monotonic() - began, seconds) * rate:
                asking.append(asyncio.create_task(ask()))
            await asyncio.sleep(0.001)
        told = await asyncio.gather(*asking)
        over.set()
        return told, await probing
    finally:
        for one in crowd:
            one.leave()


async def probe(gateway: Gateway, handle: str, over: asyncio.Event) -> list[Told]:
    """What load balancers, Prometheus, operators and those who report outcomes ask for meanwhile."""
    asked = [
        (gateway.port, raw("GET", "/health/live")),
        (gateway.port, raw("GET", "/health/ready")),
        (gateway.port, raw("POST", "/v1/outcomes", {"request_id": handle, "validation_passed": True})),
        (gateway.admin_port, raw("GET", "/health/ready")),
        (gateway.admin_port, raw("GET", "/metrics")),
        (gateway.admin_port, raw("GET", "/admin/v1/config")),
    ]
    told = []
    while not over.is_set():
        for port, request in asked:
            with callers(port, 1) as (one,):
                told.append(await one.ask(request))
        await asyncio.sleep(0.05)
    return told


def is_refusal(told: Told) -> bool:
    """Whether this says that the gateway has too much to do, and when to come back."""
    return told.status in (429, 503) and told.code == "overloaded" and "retry-after" in told.headers


def milliseconds(name: str, told: Sequence[Told]) -> Figure:
    """The 99th percentile of the answers' times."""
    return Figure(name, 1000 * percentile([one.seconds for one in told], 0.99), "ms")


ROWS = (
    Row(
        "three-times",
        "three times the load that the gateway takes",
        "early 503; health, admin and outcomes keep capacity: goodput ≥ 90 % of the peak",
        three_times,
    ),
)
