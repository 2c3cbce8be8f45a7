"""One benchmark: everybody is started, goes through every scenario in turn, round after round."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contestant import Contestant, headgate, nginx, upstream
from tests.bench.gemini import LITELLM, NATIVE, pair
from tests.bench.load import Load
from tests.bench.process import Cores, family
from tests.bench.scenario import NEW, SCENARIOS, Reading, Scenario, measured

TWO = Scenario("two", Load(connections=64, seconds=1), contestants=())
WARM_UP = Scenario("warm-up", Load(connections=32, seconds=0.5))
WARM_UP_STREAMS = Scenario("warm-up", Load(connections=8, seconds=0.5, stream=True), "/stream")

RECORDING = 5.0
"""Seconds that the control plane has to catch up with what was sent."""


@dataclass(frozen=True)
class Plan:
    """How long and what: `stretch` multiplies the scenarios' seconds, `scenarios` names those to run."""

    rounds: int
    stretch: float
    scenarios: frozenset[str]


class Session:
    """Runs a plan and keeps its readings; `say` is told what is being done."""

    def __init__(self, plan: Plan, cores: Cores, directory: Path, say: Callable[[str], None]) -> None:
        self.readings: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        self._sent: dict[str, float] = defaultdict(float)
        self._plan = plan
        self._cores = cores
        self._directory = directory
        self._say = say

    def run(self) -> None:
        """Everything. Raises Failed or Missing."""
        with upstream(self._cores, self._directory) as port:
            self._side_by_side(port)
            if "ready" in self._plan.scenarios:
                self._starts(port)
            if "two" in self._plan.scenarios:
                self._two_workers(port)
        if "gemini" in self._plan.scenarios:
            self._gemini()

    def _side_by_side(self, port: int) -> None:
        scenarios = [scenario for scenario in SCENARIOS if scenario.name in self._plan.scenarios]
        if not scenarios and self._plan.scenarios.isdisjoint(("memory", "recorded")):
            return
        with ExitStack() as stack:
            self._say("starting nginx and headgate")
            gateway = [self._cores.gateway]
            contestants = {
                "direct": Contestant("direct", port, 0, 0.0, self._directory),
                "nginx": stack.enter_context(nginx(port, self._cores, self._directory / "nginx")),
                "headgate": stack.enter_context(headgate(port, gateway, self._directory / "headgate")),
            }
            for name in NEW.contestants:
                self._measure(contestants[name], NEW, 0)
            self._warm_up(list(contestants.values()))
            for number in range(1, self._plan.rounds + 1):
                for scenario in scenarios:
                    for name in scenario.contestants:
                        self._measure(contestants[name], scenario, number)
            if "memory" in self._plan.scenarios:
                self._memory([contestants["nginx"], contestants["headgate"]])
            if "recorded" in self._plan.scenarios:
                self._recorded(contestants["headgate"])

    def _recorded(self, contestant: Contestant) -> None:
        """The share of everything sent that the control plane has counted, within some seconds of the end."""
        until = time.monotonic() + RECORDING
        while (recorded := contestant.recorded()) < self._sent[contestant.name] and time.monotonic() < until:
            time.sleep(0.1)
        share = 100 * recorded / self._sent[contestant.name]
        self.readings["recorded", contestant.name].append({"share": share})

    def _warm_up(self, contestants: Sequence[Contestant]) -> None:
        for contestant in contestants:
            self._say(f"warming up {contestant.name}")
            for scenario in (WARM_UP, WARM_UP_STREAMS):
                self._sent[contestant.name] += measured(contestant, scenario, 1.0)["requests"]

    def _measure(self, contestant: Contestant, scenario: Scenario, number: int) -> None:
        when = f"round {number} of {self._plan.rounds}" if number else "before"
        self._say(f"{when}: {scenario.name}, {contestant.name}")
        reading = measured(contestant, scenario, self._plan.stretch)
        self._sent[contestant.name] += reading["requests"]
        self.readings[scenario.name, contestant.name].append(reading)

    def _memory(self, contestants: Sequence[Contestant]) -> None:
        for contestant in contestants:
            resident: Reading = {}
            for member in family(contestant.pid):
                resident[member.role] = max(resident.get(member.role, 0.0), member.resident / 1e6)
            self.readings["memory", contestant.name].append(resident)

    def _starts(self, port: int) -> None:
        for number in range(1, self._plan.rounds + 1):
            self._say(f"start {number} of {self._plan.rounds}")
            with nginx(port, self._cores, self._directory / f"nginx-start-{number}") as contestant:
                self.readings["ready", "nginx"].append({"ready": contestant.ready})
            place = self._directory / f"headgate-start-{number}"
            with headgate(port, [self._cores.gateway], place) as contestant:
                self.readings["ready", "headgate"].append({"ready": contestant.ready})

    def _gemini(self) -> None:
        """Gemini's native API, by Headgate and by litellm itself."""
        seconds = 2.0 * self._plan.stretch
        with pair(self._cores, self._directory / "gemini") as both:
            for number in range(1, self._plan.rounds + 1):
                for name, measure in ((NATIVE, both.through_the_gateway), (LITELLM, both.by_litellm)):
                    self._say(f"round {number} of {self._plan.rounds}: Gemini natively, {name}")
                    reading = measure(seconds, stream=False) | measure(seconds, stream=True)
                    self.readings["gemini", name].append(reading)

    def _two_workers(self, port: int) -> None:
        """One and two workers, both free to use two cores, so that only their number differs."""
        cores = sorted({self._cores.gateway, self._cores.second})
        with (
            headgate(port, cores, self._directory / "one", name="headgate, one worker") as one,
            headgate(port, cores, self._directory / "two", workers=2, name="headgate, two workers") as two,
        ):
            self._warm_up([one, two])
            for number in range(1, self._plan.rounds + 1):
                for contestant in (one, two):
                    self._measure(contestant, TWO, number)
