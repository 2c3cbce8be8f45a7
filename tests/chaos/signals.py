"""Processes that are killed or told to leave while streams are open."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from tests.chaos.crowd import DONE, Caller, Told, callers, each, meanwhile, run, until
from tests.chaos.flowing import FlowingUpstream, flowing_upstream
from tests.chaos.lab import Lab, raw_chat, slowest
from tests.chaos.row import Figure, Figures, Row, none
from tests.support.client import PATIENCE
from tests.support.gateway import Gateway
from tests.support.processes import CONTROL, WORKER, kill
from tests.support.scripted import event

SERVED = """
server: {lame_duck: @LAME_DUCK@, drain: @DRAIN@}
upstreams:
  main: {provider: openai, base_url: "@MAIN@"}
  sim: {provider: simulated, latency: 0s, tokens_per_second: 0}
routes:
  slow:
    variants: {only: {upstream: main, model: m}}
    variant: only
  good:
    variants: {only: {upstream: sim, model: m}}
    variant: only
"""
PACE = 0.1
"""Seconds between two events of an open stream."""


def served(upstream: FlowingUpstream, lame_duck: str = "0s", drain: str = "60s") -> str:
    """A configuration with the route `slow` to the upstream, and `good`, which needs no network."""
    filled = SERVED.replace("@MAIN@", upstream.url).replace("@LAME_DUCK@", lame_duck)
    return filled.replace("@DRAIN@", drain)


# ── the control plane ────────────────────────────────────────────────────────────────────────────────────


def control_plane_killed(lab: Lab) -> Figures:
    """`kill -9` of the control plane while requests are served, several times."""
    times = lab.size(5, 1)
    with flowing_upstream() as upstream, lab.gateway(served(upstream), workers=2) as gateway:
        told = run(meanwhile(gateway.port, raw_chat("good"), lambda: kill_often(gateway, times)))
        before = gateway.metric("headgate_requests_total", route="good")
        gateway.wait_until(lambda: gateway.metric("headgate_requests_total", route="good") > before - 1)
        restarted = [entry for entry in gateway.log if entry.get("event") == "restarted"]
    return [
        none("failures", [one for one in told if not one.good]),
        Figure("of requests", len(told)),
        Figure("restarts", len(restarted), at_least=times, at_most=times),
        Figure("slowest request", slowest([one.seconds for one in told]), "s"),
    ]


def kill_often(gateway: Gateway, times: int) -> None:
    """Kills the control plane, each time as soon as it is back."""
    for _ in range(times):
        kill(gateway, CONTROL)


# ── a worker ─────────────────────────────────────────────────────────────────────────────────────────────


def worker_killed(lab: Lab) -> Figures:
    """`kill -9` of one of two workers that share a hundred streams."""
    with flowing_upstream(pace=PACE) as upstream, lab.gateway(served(upstream), workers=2) as gateway:
        victim = sorted(gateway.children(WORKER))[0]
        own, others, after = run(bereave(gateway, upstream, victim, 100))
        workers = gateway.children(WORKER)
    return [
        none("the other worker's streams broken", [told for told in others if not is_whole(told)]),
        Figure("of", len(others), at_least=1),
        none("its own that look whole", [told for told in own if told.whole]),
        Figure("of", len(own), at_least=1),
        none("requests failed meanwhile", [told for told in after if not told.good]),
        Figure("workers after", len(workers), at_least=2, at_most=2),
    ]


async def bereave(
    gateway: Gateway, upstream: FlowingUpstream, victim: int, count: int
) -> tuple[list[Told], list[Told], list[Told]]:
    """The victim's streams, the others', and requests that were made once it had been killed."""
    with callers(gateway.port, count) as crowd:
        await open_streams(crowd)
        ports = ports_of(victim, gateway.port)
        os.kill(victim, signal.SIGKILL)
        with callers(gateway.port, 20) as new:
            after = await each(new, lambda one: one.ask(raw_chat("good")))
        upstream.finish()
        its_own = [one.local_port() in ports for one in crowd]
        told = await each(crowd, Caller.finish)
        await until(lambda: len(set(gateway.children(WORKER)) - {victim}) == 2)
    own = [one for one, its in zip(told, its_own, strict=True) if its]
    return own, [one for one, its in zip(told, its_own, strict=True) if not its], after


async def open_streams(crowd: Sequence[Caller]) -> None:
    """Everybody asks for a stream and reads its first event."""
    request = raw_chat("slow", stream=True)
    assert all(await each(crowd, lambda one: one.begin(request)))
    assert all(await each(crowd, lambda one: one.read_events(1)))


def ports_of(pid: int, port: int) -> set[int]:
    """The clients' ports of the connections to `port` that a process holds."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
        held.add(found[1] if found else "")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2][-4:], 16) for row in rows if int(row[1][-4:], 16) == port and row[9] in held}


def is_whole(told: Told) -> bool:
    """Whether this is a stream that ended as one should, with each of its events once."""
    events = told.body.removesuffix(DONE).split(b"\n\n")[:-1]
    return told.done and all(one + b"\n\n" == event(f"{number} ") for number, one in enumerate(events))


# ── replacing them all ───────────────────────────────────────────────────────────────────────────────────


def rolled(lab: Lab) -> Figures:
    """SIGUSR1 under load, the first time with streams open."""
    times = lab.size(3, 1)
    with flowing_upstream(pace=PACE) as upstream, lab.gateway(served(upstream), workers=2) as gateway:
        before = set(gateway.children(WORKER))
        streams, told = run(roll_often(gateway, upstream, lab.size(50, 10), times))
        gateway.wait_until(lambda: len(gateway.children(WORKER)) == 2)
        left = before & set(gateway.children(WORKER))
        gateway.wait_for_metric(len(told), "headgate_requests_total", route="good", status="ok")
    return [
        none("failures", [one for one in told if not one.good]),
        Figure("of requests", len(told)),
        none("broken streams", [one for one in streams if not is_whole(one)]),
        Figure("of", len(streams)),
        Figure("rolls", times),
        none("old workers left", list(left)),
        Figure("slowest request", slowest([one.seconds for one in told]), "s"),
    ]


async def roll_often(
    gateway: Gateway, upstream: FlowingUpstream, count: int, times: int
) -> tuple[list[Told], list[Told]]:
    """What the clients of so many streams were told, and those who asked all the while."""

    def act() -> None:
        for _ in range(times):
            roll(gateway)
            upstream.finish()  # the next roll waits for the workers that leave

    with callers(gateway.port, count) as crowd:
        await open_streams(crowd)
        told = await meanwhile(gateway.port, raw_chat("good"), act)
        return await each(crowd, Caller.finish), told


def roll(gateway: Gateway) -> None:
    """Has all workers replaced."""
    before = rolls(gateway)
    gateway.process.send_signal(signal.SIGUSR1)
    gateway.wait_until(lambda: rolls(gateway) > before)


def rolls(gateway: Gateway) -> int:
    """How often that has been done."""
    return sum(entry.get("event") == "rolled" for entry in list(gateway.log))


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────


def terminated(lab: Lab) -> Figures:
    """SIGTERM with 200 open streams."""
    grace = lab.size(5, 1)
    with flowing_upstream(pace=PACE) as upstream:
        text = served(upstream, lame_duck=f"{grace}s")
        with lab.gateway(text, workers=2) as gateway:
            streams, asked, unready = run(leave(gateway, upstream, 200, grace))
            status = gateway.process.wait(PATIENCE)
    refused = [told.began for told in asked if not told.good]
    early = [told for told in asked if not told.good and told.began < grace - 0.1]
    return [
        none("broken streams", [told for told in streams if not is_whole(told)]),
        none("refused within the grace", early),
        Figure("of new connections", len(asked), at_least=10),
        Figure("not ready after", unready, "s", at_most=grace / 2, timed=True),
        Figure("listener closed after", min(refused, default=0.0), "s", at_least=grace - 0.1, timed=True),
        Figure("exit status", status, at_most=0),
    ]


async def leave(
    gateway: Gateway, upstream: FlowingUpstream, count: int, grace: float
) -> tuple[list[Told], list[Told], float]:
    """What the streams' clients and new ones were told, and when readiness went off.

    Times count from the signal. The streams go on until nobody new is accepted any more.
    """
    with callers(gateway.port, count) as crowd:
        await open_streams(crowd)
        gateway.process.send_signal(signal.SIGTERM)
        signalled = monotonic()
        watching = asyncio.create_task(readiness_off(gateway.port))
        asked: list[Told] = []
        while not asked or asked[-1].good:
            with callers(gateway.port, 1) as (one,):
                asked.append(await one.ask(raw_chat("good")))
            await asyncio.sleep(0.02)
        for told in asked:
            told.began -= signalled
        unready = await watching - signalled
        upstream.finish()
        return await each(crowd, Caller.finish), asked, unready


async def readiness_off(port: int) -> float:
    """When `/health/ready` says that the gateway is not ready, to one new connection after the other."""
    while True:
        with callers(port, 1) as (one,):
            told = await one.ask(b"GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n")
        if told.status == 503:
            return told.ended
        assert told.status == 200, "refused before it said that it was not ready"
        await asyncio.sleep(0.01)


def outlived(lab: Lab) -> Figures:
    """Streams that go on after the drain."""
    with (
        flowing_upstream(pace=PACE) as upstream,
        lab.gateway(served(upstream, drain="1s"), workers=2) as gateway,
    ):
        told = run(outstay(gateway, 200))
        status = gateway.process.wait(PATIENCE)
        gateway.wait_until(lambda: upstream.open == 0)
    return [
        none("silent truncations", [one for one in told if not one.whole]),
        none("taken for whole", [one for one in told if one.done]),
        none("without an error event", [one for one in told if b'"error"' not in one.body[-400:]]),
        Figure("of streams", len(told)),
        Figure("exit status", status, at_most=0),
    ]


async def outstay(gateway: Gateway, count: int) -> list[Told]:
    """What the clients of endless streams were told."""
    with callers(gateway.port, count) as crowd:
        await open_streams(crowd)
        gateway.process.send_signal(signal.SIGTERM)
        return await each(crowd, Caller.finish)


ROWS = (
    Row(
        "control-plane-killed",
        "the control plane is killed under load",
        "the data plane does not notice, it is started again: failures 0",
        control_plane_killed,
        test="test_processes.py::test_a_killed_control_plane_fails_no_request",
    ),
    Row(
        "worker-killed",
        "a worker is killed with 100 streams open",
        "only its own streams break, it is replaced: others broken 0, failures 0",
        worker_killed,
    ),
    Row(
        "rolled",
        "workers are replaced by SIGUSR1 under load",
        "old ones finish what they have: failures 0, broken streams 0",
        rolled,
        test="test_roll.py::test_a_roll_under_load_fails_nothing_and_loses_no_count",
    ),
    Row(
        "terminated",
        "SIGTERM with 200 open streams",
        "not ready first, served on for the grace, streams finish: broken 0, refused 0",
        terminated,
        test="test_drain.py::test_open_streams_survive_and_nobody_who_has_connected_is_refused",
    ),
    Row(
        "outlived",
        "streams outlive the drain",
        "an error event, then the end: silent truncations 0",
        outlived,
        test="test_drain.py::test_what_outlives_the_drain_is_told_so",
    ),
)
