"""One run: everybody is started, pinned to the same core, and goes through every scenario in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench.contestant import Contestant, headgate, nginx, upstream
from tests.bench.load import Load
from tests.bench.peers.litellm import litellm
from tests.bench.peers.tensorzero import tensorzero
from tests.bench.process import Cores, family
from tests.bench.scenario import NEW, Reading, Scenario, measured

SCENARIOS = (
    Scenario("closed", Load(connections=32, seconds=2, warmup=0.5)),
    Scenario("one", Load(connections=1, seconds=1)),
    Scenario("streams", Load(connections=8, seconds=2, warmup=0.5, stream=True), "/stream"),
)
WARM_UP = Scenario("warm-up", Load(connections=32, seconds=2))
PREFIXES = ("", "/stream")
NAMES = ("direct", "nginx", "headgate", "tensorzero", "litellm")

Readings = dict[tuple[str, str], list[Reading]]
"""(scenario, contestant) → one reading a round."""


def run(rounds: int, stretch: float, cores: Cores, directory: Path, say: Callable[[str], None]) -> Readings:
    """Everything; `stretch` multiplies the scenarios' seconds. Raises Failed or Missing."""
    readings: Readings = defaultdict(list)
    core = [cores.gateway]
    with ExitStack() as stack:
        port = stack.enter_context(upstream(cores, directory))
        say("starting everybody")
        everybody = {
            "direct": Contestant("direct", port, 0, 0.0, directory),
            "nginx": stack.enter_context(nginx(port, cores, directory / "nginx")),
            "headgate": stack.enter_context(headgate(port, core, directory / "headgate")),
            "tensorzero": stack.enter_context(tensorzero(port, core, directory / "tensorzero", PREFIXES)),
            "litellm": stack.enter_context(litellm(port, core, directory / "litellm", PREFIXES)),
        }
        for name in NEW.contestants:
            say(f"before: {NEW.name}, {name}")
            readings[NEW.name, name].append(measured(everybody[name], NEW, 1.0))
        for name in NAMES:
            say(f"warming up {name}")
            measured(everybody[name], WARM_UP, 1.0)
        for number in range(1, rounds + 1):
            for scenario in SCENARIOS:
                for name in NAMES:
                    say(f"round {number} of {rounds}: {scenario.name}, {name}")
                    readings[scenario.name, name].append(measured(everybody[name], scenario, stretch))
        for name in NAMES[1:]:
            one = everybody[name]
            resident = sum(member.resident for member in family(one.pid)) / 1e6
            readings["process", name].append({"resident": resident, "ready": one.ready})
    return readings
