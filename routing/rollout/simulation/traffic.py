"""Traffic: simulated requests, and the lots that they draw."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import exp
from typing import NamedTuple

from routing.evidence.alone import End
from routing.rollout.simulation.scenario import Draws, Scenario
from routing.snapshot import Rollout
from routing.sticky import draw

BURST = 3
HEAVY = 0.75
"""The exponent of Zipf's law."""
_CHANCE = 22  # bits of chance in a unit that is a request by itself
_NO_TIME: End = (1, 0.0, 0.0, -1.0)


class Told(NamedTuple):
    """What an application reports of a request."""

    passed: bool
    needs_review: bool | None
    score: float | None


class Sent(NamedTuple):
    """A request that has ended: whose it is, how it ended, what is reported of it (None: nothing) and when.

    Times in ms. `alone`: it has no sticky key; `own`: the variant it was assigned to answered; `bad`: it
    failed validation; `excess`: how much likelier that was than by the baseline.
    """

    number: int
    time: int
    alone: bool
    unit: int
    compared: str
    candidate: bool
    stratum: int
    own: bool
    end: End
    told: Told | None
    told_at: int
    bad: bool
    excess: float


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
        self._random = draws.random
        self._reviewed, self._scored = reviewed, scored
        self._timed, self.streamed, self._priced = timed, streamed, priced
        self._plain = not (timed or streamed or priced)
        self._step = 1_000 / scenario.rate
        self._users = _User(scenario, draws) if scenario.users else None
        self._first: dict[tuple[bytes, bool], bool] = {}
        sides = (False, True)
        self._fails = [scenario.share("validation_passed", side) for side in sides]
        self._errors = [scenario.share("errors", side) for side in sides]
        self._reviews = [scenario.share("needs_review", side) for side in sides]
        self._scores = [scenario.share("score", side) for side in sides]

    def time(self, number: int) -> int:
        """When the request of this number comes, in ms."""
        return int(number * self._step)

    def send(self, number: int, rollout: Rollout) -> Sent:
        """One request, while `rollout` is served; its lot is that of `routing.assign`."""
        random, time = self._random, int(number * self._step)
        alone = self._users is None
        key = number.to_bytes(12, "big") if self._users is None else self._users.next(number)
        lot, unit = draw(rollout.salt, key)
        if alone:
            unit = time << _CHANCE | unit & ((1 << _CHANCE) - 1)
        candidate = lot < rollout.weight
        compared = "compared" if rollout.low <= lot < rollout.high else "carried"
        stratum, extra = self._stratum(number)
        fails = self._fails
        bad = random() < fails[candidate] + extra
        if not alone:
            bad = self._like_before(key, candidate, bad)
        told, told_at = self._report(time, candidate, bad)
        own = random() >= self._errors[candidate]
        end = _NO_TIME if self._plain else self._end(candidate)
        return Sent(
            number, time, alone, unit, compared, candidate, stratum, own, end, told, told_at, bad,
            fails[candidate] - fails[False],
        )  # fmt: skip

    def _stratum(self, number: int) -> tuple[int, float]:
        """The stratum, and what it and the drift add to the failures."""
        scenario = self._scenario
        extra = scenario.drift * number / scenario.requests if scenario.drift else 0.0
        mixes = scenario.mixes
        if not mixes:
            return 0, extra
        mix = mixes[max(bisect_right(mixes, number, key=lambda one: one.since) - 1, 0)]
        index = min(bisect_right(list(accumulate(mix.shares)), self._random()), len(mix.shares) - 1)
        return index + 1, extra + mix.extra[index]

    def _like_before(self, key: bytes, candidate: bool, bad: bool) -> bool:
        """Users are alike to themselves: some requests turn out like their first one."""
        users = self._scenario.users
        assert users is not None
        first = self._first.setdefault((key, candidate), bad)
        return first if self._random() < users.likeness else bad

    def _end(self, candidate: bool) -> End:
        scenario = self._scenario
        slower = scenario.slower if candidate else 1.0
        duration = slower * scenario.median * self._spread() if self._timed else 0.0
        first = 0.3 * slower * scenario.median * self._spread() if self.streamed else 0.0
        cost = scenario.cost[candidate] * self._spread() if self._priced else -1.0
        return 1, duration, first, cost

    def _spread(self) -> float:
        """Log-normal with median 1."""
        return exp(self._scenario.spread * self._draws.gauss(0.0, 1.0))

    def _report(self, time: int, candidate: bool, bad: bool) -> tuple[Told | None, int]:
        """The outcome, if it is ever reported, and when."""
        told = self._scenario.reporting
        share = told.candidate if candidate else told.baseline
        if candidate and bad:
            share *= told.failures
        if share < 1.0 and self._random() >= share:
            return None, 0
        mean = told.failed_after if bad else told.passed_after
        at = time + int(self._draws.expovariate(1 / mean)) if mean else time
        review = self._random() < self._reviews[candidate] if self._reviewed else None
        score = float(self._random() >= self._scores[candidate]) if self._scored else None
        return _TOLD[bad] if review is score is None else Told(not bad, review, score), at


_TOLD = (Told(True, None, None), Told(False, None, None))


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
