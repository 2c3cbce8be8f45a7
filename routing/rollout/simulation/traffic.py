"""Traffic: simulated requests, assigned as real ones are, and what exposures and outcomes say of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import exp
from typing import NamedTuple

from routing.assign import assign
from routing.evidence.fact import P95, Ending, Fact, Request, UnitKey, reported
from routing.facts import Facts
from routing.rollout.simulation.scenario import Draws, Scenario
from routing.snapshot import Key, Rollout

HEADER = b"x-headgate-key"
BURST = 3
HEAVY = 0.75
"""The exponent of Zipf's law."""
_KEY = Key("simulation", "simulation", 0, frozenset())
_PLAIN = {own: Ending("ok", own) for own in (False, True)}
_CHANCE = 22  # bits of chance in a unit that is a request by itself


class Sent(NamedTuple):
    """A request that has ended, how it ended, its outcome (None: never reported), and when that comes (ms).

    `alone`: it has no sticky key; `p95`: what its latency is held to; `bad`: whether it failed validation;
    `excess`: how much likelier that was than by the baseline.
    """

    alone: bool
    request: Request
    ending: Ending
    p95: P95
    outcome: Fact | None
    reported_at: int
    bad: bool
    excess: float

    @property
    def candidate(self) -> bool:
        """Whether it was assigned to the candidate."""
        return self.request.candidate


class Traffic:
    """`reviewed`, `scored`: whether reports have these fields; `timed`, `streamed`, `priced`: whether
    durations, times to first token and costs are drawn.
    """

    def __init__(
        self, scenario: Scenario, draws: Draws, *, reviewed: bool = False, scored: bool = False,
        timed: bool = False, streamed: bool = False, priced: bool = False,
    ) -> None:  # fmt: skip
        self._scenario = scenario
        self._draws = draws
        self._reviewed, self._scored = reviewed, scored
        self._timed, self._streamed, self._priced = timed, streamed, priced
        self._plain = not (timed or streamed or priced)
        self._step = 1_000 / scenario.rate
        self._users = _User(scenario, draws) if scenario.users else None
        self._first: dict[tuple[bytes, bool], bool] = {}
        self._shares = {
            (metric, side): scenario.share(metric, side)
            for metric in ("validation_passed", "needs_review", "errors", "score") for side in (False, True)
        }  # fmt: skip

    def time(self, number: int) -> int:
        """When the request of this number comes, in ms."""
        return int(number * self._step)

    def send(self, number: int, rollout: Rollout, p95: P95) -> Sent:
        """One request, while `rollout` is served."""
        draws, at = self._draws, self.time(number)
        nonce = number.to_bytes(12, "big")
        key = None if self._users is None else self._users.next(number)
        headers = {} if key is None else {HEADER: key}
        assigned = assign(rollout, Facts("chat", "", _KEY, headers, {}, nonce), ("header",))
        candidate = assigned.variant is rollout.candidate
        unit = assigned.unit if key is not None else at << _CHANCE | assigned.unit & ((1 << _CHANCE) - 1)
        stratum, extra = self._stratum(number)
        request = Request(
            UnitKey(rollout.period, assigned.compared, unit), at, nonce, rollout.reference, stratum, candidate
        )
        usual = self._shares["validation_passed", False] + extra
        share = self._shares["validation_passed", candidate] + extra
        bad = draws.random() < share
        if key is not None:
            bad = self._like_before(key, candidate, bad)
        outcome, reported_at = self._report(request, candidate, bad)
        return Sent(
            key is None, request, self._ending(candidate), p95, outcome, reported_at, bad, share - usual
        )

    def _stratum(self, number: int) -> tuple[int, float]:
        """The stratum, and what it and the drift add to the failures."""
        scenario = self._scenario
        extra = scenario.drift * number / scenario.requests if scenario.drift else 0.0
        mixes = scenario.mixes
        if not mixes:
            return 0, extra
        mix = mixes[max(bisect_right(mixes, number, key=lambda one: one.since) - 1, 0)]
        index = min(bisect_right(list(accumulate(mix.shares)), self._draws.random()), len(mix.shares) - 1)
        return index + 1, extra + mix.extra[index]

    def _like_before(self, key: bytes, candidate: bool, bad: bool) -> bool:
        """Users are alike to themselves: some requests turn out like their first one."""
        users = self._scenario.users
        assert users is not None
        first = self._first.setdefault((key, candidate), bad)
        return first if self._draws.random() < users.likeness else bad

    def _ending(self, candidate: bool) -> Ending:
        scenario, draws = self._scenario, self._draws
        own = draws.random() >= self._shares["errors", candidate]
        if self._plain:
            return _PLAIN[own]
        slower = scenario.slower if candidate else 1.0
        duration = slower * scenario.median * self._spread(scenario.spread) if self._timed else 0.0
        first = 0.3 * slower * scenario.median * self._spread(scenario.spread) if self._streamed else 0.0
        cost = scenario.cost[candidate] * self._spread(scenario.spread) if self._priced else None
        return Ending("ok", own, 1, duration, self._streamed, first, cost)

    def _spread(self, sigma: float) -> float:
        """Log-normal with median 1."""
        return exp(sigma * self._draws.gauss(0.0, 1.0))

    def _report(self, request: Request, candidate: bool, bad: bool) -> tuple[Fact | None, int]:
        """The outcome, if it is ever reported, and when."""
        scenario, draws = self._scenario, self._draws
        told = scenario.reporting
        share = told.candidate if candidate else told.baseline
        if candidate and bad:
            share *= told.failures
        if share < 1.0 and draws.random() >= share:
            return None, 0
        mean = told.failed_after if bad else told.passed_after
        at = request.time + (int(draws.expovariate(1 / mean)) if mean else 0)
        review = draws.random() < self._shares["needs_review", candidate] if self._reviewed else None
        score = float(draws.random() >= self._shares["score", candidate]) if self._scored else None
        return reported(request, not bad, review, score), at


class _User:
    """Who sends a request."""

    def __init__(self, scenario: Scenario, draws: Draws) -> None:
        assert scenario.users is not None
        self._users = scenario.users
        self._draws = draws
        self._last = 0
        weights = [(rank + 1) ** -HEAVY for rank in range(self._users.number)]
        self._bounds = list(accumulate(weights)) if self._users.pattern == "heavy" else []

    def next(self, number: int) -> bytes:
        """The sticky key of a request."""
        pattern = self._users.pattern
        if pattern == "mixed" and self._draws.random() < 0.5:
            return b"once-%d" % number
        if pattern == "heavy":
            return b"%d" % bisect_left(self._bounds, self._draws.random() * self._bounds[-1])
        if pattern != "bursts" or number % BURST == 0:
            self._last = int(self._draws.random() * self._users.number)
        return b"%d" % self._last
