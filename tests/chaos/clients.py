"""Clients that leave, that hardly read, that hardly write."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from time import monotonic

from gateway.data.guards import WRITE_STALL
from tests.chaos.crowd import Told, callers, percentile, run
from tests.chaos.flowing import FlowingUpstream, flowing_upstream
from tests.chaos.lab import Lab, Memory, Scene, chat, raw_chat, workers_of
from tests.chaos.row import Figure, Figures, Row, none
from tests.support.client import PATIENCE
from tests.support.gateway import Gateway
from tests.support.processes import CHAT
from tests.support.scripted import STREAM_HEAD, Step, Wait, chunk, event

NEVER = threading.Event()
PHASES: dict[str, tuple[bool, list[Step]]] = {
    "before the first byte": (True, [Wait(NEVER)]),
    "mid-stream": (True, [STREAM_HEAD, chunk(event("a")), Wait(NEVER)]),
    "during a plain answer": (False, [Wait(NEVER)]),
}
"""When clients leave: whether they asked for a stream, and what the upstream has sent by then."""


def leave(lab: Lab) -> Figures:
    """Clients close their connections, all at once."""
    scene = lab.scene()
    taken = {name: leave_when(scene, *how, lab.size(50, 5)) for name, how in PHASES.items()}
    return [
        Figure(f"{name}: closed after", seconds, "s", at_most=1, timed=True)
        for name, seconds in taken.items()
    ]


def leave_when(scene: Scene, streamed: bool, steps: list[Step], count: int) -> float:
    """Seconds until the upstream has lost every one of so many calls whose clients leave."""
    gateway, route = scene.gateway, scene.route("solo")
    scene.upstream.script = lambda received: steps
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(gateway.open(CHAT, chat(route, stream=streamed), wait=False))
            for _ in range(count)
        ]
        gateway.wait_until(lambda: len(scene.calls(route)) == count)
        for one in opened if STREAM_HEAD in steps else ():
            one.read_event()
        began = monotonic()
    assert all(received.closed.wait(PATIENCE) for received in scene.calls(route)), "an upstream call goes on"
    seconds = monotonic() - began
    gateway.wait_for_metric(count, "headgate_requests_total", route=route, status="cancelled")
    return seconds


# ── slow readers ─────────────────────────────────────────────────────────────────────────────────────────

SERVED = """
server:
  lame_duck: 0s
  limits: {@LIMITS@}
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


STILL = 3.0
"""Seconds without an event after which streams are taken to stand still, however busy the machine is."""


def served(url: str, limits: str = "") -> str:
    """A configuration with the route `slow` to `url`, and `good`, which needs no network."""
    return SERVED.replace("@MAIN@", url).replace("@LIMITS@", limits)


def slow_readers(lab: Lab) -> Figures:
    """Clients ask for endless streams and stop reading after the first bytes."""
    count = lab.size(200, 40)
    with (
        flowing_upstream(size=60_000) as upstream,
        lab.gateway(served(upstream.url)) as gateway,
        contextlib.ExitStack() as stack,
    ):
        assert all(gateway.post(CHAT, chat("good")).status == 200 for _ in range(20))
        memory = Memory(workers_of(gateway)[0].pid)
        began = monotonic()
        readers = [stack.enter_context(slow_reader(gateway)) for _ in range(count)]
        wait_until_still(upstream, count)
        held = memory.growth()
        highest, statuses = held, []
        patience = lab.size(WRITE_STALL + PATIENCE, 1.0)
        while upstream.open and monotonic() < upstream.moved + patience:
            statuses.append(gateway.post(CHAT, chat("good")).status)
            highest = max(highest, memory.growth())
            time.sleep(0.05)
        cut = monotonic()
        figures = [
            Figure("held a reader", held / count, "MB", at_most=2),
            Figure("growth while they stand still", highest - held, "MB", at_most=10),
            none("failed requests of others", [status for status in statuses if status != 200]),
        ]
        if not lab.short:
            figures += [
                Figure("all cut off after", cut - upstream.moved, "s", at_most=WRITE_STALL + 2),
                none("cut off early", [cut - began] if cut - began < WRITE_STALL else []),
                none("left open", [one for one in readers if not is_cut_off(one)]),
            ]
        return figures


@contextlib.contextmanager
def slow_reader(gateway: Gateway) -> Iterator[socket.socket]:
    """A client that has read the first bytes of a stream."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(PATIENCE)
        one.connect(("127.0.0.1", gateway.port))
        one.sendall(raw_chat("slow", stream=True))
        assert one.recv(1024).startswith(b"HTTP/1.1 200")
        yield one


def wait_until_still(upstream: FlowingUpstream, count: int) -> None:
    """Waits until nothing has moved for a while in any of so many streams."""
    end = monotonic() + 5 * PATIENCE  # some MB a stream have to be moved before
    while upstream.open < count or monotonic() < upstream.moved + STILL:
        assert monotonic() < end, "the streams go on"
        time.sleep(0.1)


def is_cut_off(one: socket.socket) -> bool:
    """Whether the gateway has closed a client's connection, behind the few MB that the kernel holds."""
    received = 0
    try:
        while received < 32_000_000:
            part = one.recv(1 << 16)
            if not part:
                return True
            received += len(part)
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


# ── slow writers ─────────────────────────────────────────────────────────────────────────────────────────

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-filler: " + b"x" * 1000
NOT_CLOSED = float("inf")
DRIP = 0.5
"""Seconds between two bytes of a slow client's head."""


def slow_writers(lab: Lab) -> Figures:
    """Clients connect and send their request's head a byte at a time, or nothing at all."""
    count, limit = lab.size(1000, 200), lab.size(10, 1)
    text = served("http://127.0.0.1:9/v1", f"header_time: {limit}s")
    with lab.gateway(text) as gateway:
        before, beside, lasted = run(besiege(gateway.port, count, lab.size(5.0, 0.5)))
        return [
            none("never closed", [seconds for seconds in lasted if seconds == NOT_CLOSED]),
            Figure("first closed after", min(lasted), "s", at_least=limit - 0.1, timed=True),
            Figure("last closed after", max(lasted), "s", at_most=limit + 1, timed=True),
            none("failed requests of others", [told for told in beside if not told.good]),
            p99("p99 of others before", before),
            p99("p99 beside them", beside),
        ]


async def besiege(port: int, count: int, seconds: float) -> tuple[list[Told], list[Told], list[float]]:
    """Good traffic for some seconds, then good traffic beside slow writers; how long each of these lasted."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    before = await good_traffic(port, over)
    over.clear()
    good = asyncio.create_task(good_traffic(port, over))
    lasted = await asyncio.gather(*(creep(port, number) for number in range(count)))
    over.set()
    return before, await good, lasted


async def good_traffic(port: int, over: asyncio.Event) -> list[Told]:
    """One client's requests, about a hundred a second."""
    request, told = raw_chat("good"), []
    with callers(port, 1) as (one,):
        while not over.is_set():
            told.append(await one.ask(request))
            await asyncio.sleep(0.01)
    return told


async def creep(port: int, number: int) -> float:
    """One slow client, every third of which is silent; how many seconds its connection lasted."""
    await asyncio.sleep(number % 100 / 100 * DRIP)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = monotonic()
    dripping = asyncio.create_task(drip(writer, HEAD if number % 3 else b""))
    try:
        async with asyncio.timeout(2 * PATIENCE):
            await reader.read()
    except TimeoutError:
        return NOT_CLOSED
    except ConnectionError:
        pass
    finally:
        dripping.cancel()
        writer.transport.abort()
    return monotonic() - began


async def drip(writer: asyncio.StreamWriter, head: bytes) -> None:
    """Sends a byte at a time."""
    for at in range(len(head)):
        writer.write(head[at : at + 1])
        await asyncio.sleep(DRIP)


def p99(name: str, told: list[Told]) -> Figure:
    """The 99th percentile of the answers' times."""
    return Figure(name, 1000 * percentile([one.seconds for one in told], 0.99), "ms")


ROWS = (
    Row(
        "leave",
        "clients leave before the first byte, mid-stream, during a plain answer",
        "the upstream call is closed within 1 s, all three",
        leave,
        test="test_failures.py::test_client_that_leaves_closes_the_upstream",
    ),
    Row(
        "slow-readers",
        "200 clients stop reading their streams",
        "their upstreams have to wait; cut off after the write time-out: memory flat",
        slow_readers,
        test="test_hostile.py::test_slow_readers_hold_little",
    ),
    Row(
        "slow-writers",
        "1,000 clients send a request's head a byte at a time, or nothing",
        "closed after `limits.header_time`, 10 s; others do not notice",
        slow_writers,
        test="test_slow_clients.py::test_many_slow_clients_harm_nobody",
    ),
)
