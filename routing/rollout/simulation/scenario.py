"""Scenarios: what simulated traffic is like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

USUAL_BAD = {"validation_passed": 0.10, "needs_review": 0.05, "errors": 0.01, "score": 0.10}


class Draws(Protocol):
    """A source of chance, such as `random.Random`."""

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def gauss(self, mu: float = ..., sigma: float = ...) -> float:
        """Normal."""
        ...

    def expovariate(self, lambd: float) -> float:
        """Exponential with mean 1/lambd."""
        ...


class Users(NamedTuple):
    """Users who come back.

    `even`: everybody as often; `heavy`: a few far more often than others (by Zipf's law); `bursts`: three
    requests in a row, then another user; `mixed`: half of the requests are of users who never come back.
    `likeness`: the chance that a request turns out like the user's first one on the same variant.
    """

    number: int
    pattern: Literal["even", "heavy", "bursts", "mixed"] = "even"
    likeness: float = 0.3


class Reporting(NamedTuple):
    """Which outcomes are reported, and after how long on average (ms; exponential).

    `baseline`, `candidate`: the shares reported; `failures`: how often the candidate's failures are, relative
    to that.
    """

    baseline: float = 1.0
    candidate: float = 1.0
    failures: float = 1.0
    passed_after: float = 0.0
    failed_after: float = 0.0


class Mix(NamedTuple):
    """From a request on: the share of each stratum, and by how much each one's failures exceed the usual."""

    since: int
    shares: tuple[float, ...]
    extra: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Traffic of `requests`, `rate` a second, looked at every `per_look` requests.

    `bad` is the baseline's share of bad answers by metric (latencies apart), `effect` what the candidate adds
    to it, `slower` by what its durations are multiplied. `drift` is added to the failures of both, evenly
    from the first request to the last. `by_hand`: weights (basis points) that a person sets at a request.
    """

    requests: int
    rate: float = 1.0
    per_look: int = 100
    bad: Mapping[str, float] = field(default_factory=lambda: USUAL_BAD)
    effect: Mapping[str, float] = field(default_factory=dict)
    slower: float = 1.0
    median: float = 1.0
    spread: float = 0.5
    drift: float = 0.0
    cost: tuple[float, float] = (0.001, 0.001)
    users: Users | None = None
    reporting: Reporting = Reporting()
    mixes: tuple[Mix, ...] = ()
    by_hand: tuple[tuple[int, int], ...] = ()

    def share(self, metric: str, candidate: bool) -> float:
        """The chance of a bad answer, before drift and strata."""
        usual = self.bad.get(metric, USUAL_BAD.get(metric, 0.0))
        return usual + self.effect.get(metric, 0.0) if candidate else usual
