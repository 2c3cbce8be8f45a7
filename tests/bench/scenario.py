"""What the contestants go through, and what is read off one run of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.bench.contestant import Contestant
from tests.bench.load import Load, run
from tests.bench.process import family, spent

Reading = dict[str, float]
"""One run's figures by name; see `measured`."""


@dataclass(frozen=True)
class Scenario:
    """A load on one kind of upstream answer, and who goes through it."""

    name: str
    load: Load
    prefix: str = ""
    contestants: tuple[str, ...] = ("direct", "nginx", "headgate")
    stretches: bool = True
    """Whether a longer benchmark runs it longer; a paced stream lasts as long as it lasts."""


SCENARIOS = [
    Scenario("one", Load(connections=1, seconds=1)),
    Scenario("closed", Load(connections=32, seconds=1)),
    Scenario("wide", Load(connections=64, seconds=1)),
    Scenario("fixed", Load(connections=32, seconds=2, rate=1000)),
    Scenario("slow", Load(connections=256, seconds=1, ramp=0.05), "/delay-50", ("nginx", "headgate")),
    Scenario("saturated", Load(connections=8, seconds=1, stream=True), "/stream"),
    Scenario(
        "paced",
        Load(connections=50, seconds=1, warmup=0.1, ramp=1.02, stream=True),
        "/pace-20",
        ("nginx", "headgate"),
        stretches=False,
    ),
    Scenario("first", Load(connections=64, seconds=3, rate=10, warmup=0.5, stream=True), "/pace-5.3"),
]
"""Seconds are those of a quick benchmark. `paced`: every connection carries one stream of four seconds,
begun within the first, 20.4 ms apart. That is no multiple of the pace, nor are the 100 ms between the
streams of `first`: streams in step would share every wake-up, and a new one would always meet all the
others' chunks. The connections of `slow` begin within one answer's time: were they in step, what is counted
in three seconds would be 59 or 60 answers each, and nothing between."""

NEW = Scenario("new", Load(connections=32, seconds=16), contestants=("headgate",), stretches=False)
"""Once, before all others: the first requests of each of the load's 100,000 users, three and a few. They are
evidence and cost the control plane most; steady state begins behind them."""


def measured(contestant: Contestant, scenario: Scenario, stretch: float) -> Reading:
    """One run. Rates a second, times in µs, CPU in µs a finished request or received event.

    CPU counts user and system time of the whole run, warm-up and last answers included, over all that the
    run finished. Raises Failed when an answer was wrong or a process of the contestant's was replaced.
    """
    load = scenario.load
    if scenario.stretches:
        load = replace(load, seconds=load.seconds * stretch)
    path = contestant.request(scenario.prefix, stream=load.stream)
    before = family(contestant.pid) if contestant.pid else []
    result = run(load, contestant.port, path, f"{contestant.name}, {scenario.name}", contestant.manner.end)
    cost = spent(before, family(contestant.pid)) if contestant.pid else {}
    everybody = sum(seconds for _, seconds in cost.values()) * 1e6
    workers = [seconds * 1e6 for role, seconds in cost.values() if role == "worker"]
    reading = {
        "requests": result.requests,
        "rate": result.rate,
        "event_rate": result.event_rate,
        "p50": result.latency["p50"],
        "p99": result.latency["p99"],
        "first_p50": result.first_event["p50"],
        "cpu_request": everybody / result.requests,
        "cpu_request_workers": sum(workers) / result.requests,
        "least_share": 100 * min(workers, default=0.0) / (sum(workers) or 1.0),
    }
    if result.events:
        reading["cpu_event"] = everybody / result.events
    return reading
