"""What a worker remembers of its requests until it tells the control plane, every `FLUSH` seconds.

Label strings meet numbers here and nowhere else in the data plane. A request costs one look-up of its line,
which is everything that is counted for one set of labels; the message is made of the lines once a flush.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf
from time import time
from typing import Final

from gateway.channel import series
from gateway.channel.exposures import Exposures, encode
from gateway.channel.records import Deltas, Histogram, Line
from gateway.channel.series import Labels
from gateway.data.account import Account, Judged
from gateway.data.trouble import Troubles
from routing.decision import Decision, Score
from routing.difficulty.explicit import UNKNOWN

FLUSH: Final = 0.1
"""Seconds between two messages."""
MAX_EXPOSURES: Final = 20_000
"""Exposures held between two flushes; beyond it they are dropped and counted."""
OTHER: Final = "_other"
TOKEN_TYPES: Final = ("input", "cached_input", "output", "reasoning")


class Durations:
    """A histogram being filled: of seconds, or of scores.

    A value mostly falls where the last one fell; that bucket is remembered, with its bounds.
    """

    __slots__ = ("_above", "_at", "_up_to", "bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self._at = 0
        self._above = self._up_to = inf

    def observe(self, seconds: float) -> None:
        """Counts one value."""
        if not self._above < seconds <= self._up_to:
            self._find(seconds)
        self.counts[self._at] += 1
        self.total += seconds

    def _find(self, seconds: float) -> None:
        bounds = self.bounds
        self._at = at = bisect_left(bounds, seconds)
        self._above = bounds[at - 1] if at else -inf
        self._up_to = bounds[at] if at < len(bounds) else inf

    def into(
        self, histograms: dict[Labels, Histogram], labels: Labels, bounds: tuple[float, ...] = ()
    ) -> None:
        """Adds what was observed, if anything, to the histogram of these labels.

        `bounds` are told where they are not the series' own; what was observed with others is left out.
        """
        if not any(self.counts):
            return
        known = histograms.get(labels)
        if known is None:
            histograms[labels] = Histogram(self.counts, self.total, bounds)
        elif known.bounds == bounds:
            known.counts = [one + other for one, other in zip(known.counts, self.counts, strict=True)]
            known.sum += self.total


class Counts:
    """What is counted of one line, and its exposures.

    `first` is the decision of one of its requests; while it is held, its segment's place in memory is nobody
    else's, and can stand for the segment and its snapshot.
    """

    __slots__ = (
        "cached_input", "cost", "durations", "exposures", "first", "first_tokens", "input",
        "invalid", "items", "output", "reasoning", "requests", "scores", "unpriced",
    )  # fmt: skip

    def __init__(self, line: Line, first: Decision) -> None:
        self.exposures = Exposures(line)
        self.first = first
        self.requests = self.items = self.unpriced = self.invalid = 0
        self.input = self.cached_input = self.output = self.reasoning = 0
        self.cost = 0.0
        self.durations = Durations(series.SECONDS)
        self.first_tokens = Durations(series.SECONDS)
        self.scores = Durations(first.route.difficulty.buckets)


class Copies:
    """What is counted of copies to shadows, by route, segment and variant; never with anything else."""

    __slots__ = ("costs", "durations", "ended", "unpriced")

    def __init__(self) -> None:
        self.ended: dict[Labels, float] = {}
        self.costs: dict[Labels, float] = {}
        self.unpriced: dict[Labels, float] = {}
        self.durations: dict[Labels, Durations] = {}

    def add(self, place: Labels, status: str, seconds: float, cost: float | None) -> None:
        """Counts one; what it took and cost only with an answer."""
        _add(self.ended, (*place, status), 1)
        if status != "ok":
            return
        self.durations.setdefault(place, Durations(series.SECONDS)).observe(seconds)
        if cost is None:
            _add(self.unpriced, place, 1)
        else:
            _add(self.costs, place, cost)

    def counters(self) -> dict[str, dict[Labels, float]]:
        """All of it but the durations, by series."""
        return {
            series.SHADOW_REQUESTS.name: self.ended,
            series.SHADOW_COST.name: self.costs,
            series.SHADOW_UNPRICED.name: self.unpriced,
        }


class Recorder:
    """Counts finished requests and attempts of one worker; `troubles` go to its log."""

    def __init__(self, worker: int, lane: int = 0) -> None:
        self._worker = worker
        self._lane = lane
        self.dropped = 0
        """Messages and exposures lost since the last message that was sent."""
        self.troubles = Troubles()
        self._clear()

    def _clear(self) -> None:
        self._lines: dict[tuple[object, ...], Counts] = {}
        self._unrouted: dict[Labels, float] = {}
        self._handed_on: dict[Labels, float] = {}
        self._unestimated: dict[Labels, float] = {}
        self._cascades: dict[Labels, float] = {}
        self._beside: dict[Labels, float] = {}
        self._attempts: dict[Labels, Durations] = {}
        self._overhead = Durations(series.OVERHEAD_SECONDS)
        self._exposures = 0
        self._copies = Copies()

    def lost(self) -> None:
        """Something else for the control plane found no room."""
        self.dropped += 1

    @property
    def empty(self) -> bool:
        """Whether nothing has been counted since the last flush."""
        return not (self._lines or self._unrouted or self._attempts or self._handed_on or self._copies.ended)

    def attempted(self, upstream: str, variant: str, result: str, seconds: float) -> None:
        """Counts one upstream call."""
        labels = (upstream, variant, result)
        durations = self._attempts.get(labels)
        if durations is None:
            durations = self._attempts[labels] = Durations(series.SECONDS)
        durations.observe(seconds)

    def handed_on(self, path: str, status: str) -> None:
        """Counts one request that was handed on as it was, at its end."""
        _add(self._handed_on, (path, status), 1)

    def copied(self, place: Labels, status: str, seconds: float = 0.0, cost: float | None = None) -> None:
        """Counts one copy, once, at its end. `place` is route, segment and variant; `cost` None: unknown."""
        self._copies.add(place, status, seconds, cost)

    def finished(self, account: Account, now: float) -> None:
        """Counts one request, once, at its end; `now` on the monotonic clock."""
        key, decision = account.key, account.decision
        if decision is None or key is None:
            _add(self._unrouted, (key.application if key else "", account.status), 1)
            return
        difficulty = decision.difficulty
        place = (
            id(decision.segment), decision.variant.name, key.application, account.served, difficulty.stratum,
            difficulty.source, account.status, decision.reason, decision.compared, decision.weight,
            decision.wants_outcome, account.streamed, account.estimated, account.endpoint,
        )  # fmt: skip
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = Counts(account.line(), decision)
        line.requests += 1
        line.items += account.items
        if difficulty is not UNKNOWN:
            self._scored(line, difficulty)
        usage = account.usage
        if usage is not None:
            line.input += usage.input
            line.cached_input += usage.cached_input
            line.output += usage.output
            line.reasoning += usage.reasoning
        if account.cost is not None:
            line.cost += account.cost
        elif account.status == "ok":
            line.unpriced += 1
        if account.cascade is not None:
            self._cascaded(decision, account.cascade)
        duration = now - account.started
        line.durations.observe(duration)
        if account.first_token:
            line.first_tokens.observe(account.first_token)
        self._overhead.observe((account.first_token or duration) - account.waited)
        if self._exposures < MAX_EXPOSURES:
            self._exposures += 1
            line.exposures.add(account.exposure(time(), duration))
        else:
            self.dropped += 1

    def _scored(self, line: Counts, difficulty: Score) -> None:
        """Counts a difficulty, and what was wrong with it."""
        if difficulty.value is not None:
            line.scores.observe(difficulty.value)
        if difficulty.invalid:
            line.invalid += 1
        if difficulty.reason:
            _add(self._unestimated, (line.first.route.name, difficulty.reason), 1)

    def _cascaded(self, decision: Decision, judged: Judged) -> None:
        """Counts a cascade's verdict, and the tokens of its first step where another answer was served."""
        route = decision.route.name
        _add(self._cascades, (route, decision.segment.name, judged.verdict), 1)
        if judged.usage is not None:
            for kind, tokens in zip(TOKEN_TYPES, judged.usage.by_type(), strict=True):
                _add(self._beside, (route, judged.variant, kind), tokens)

    def flush(
        self,
        gauges: dict[str, float],
        open_breakers: list[tuple[str, str]],
        failed_probes: list[tuple[str, str, int]],
    ) -> bytes:
        """What has been counted since the last flush, as a message, with the worker's present state."""
        deltas = Deltas(self._worker, {}, {}, gauges, open_breakers, self._lane, failed_probes)
        if not self.empty:
            deltas.counters = self._counters()
            deltas.histograms = self._histograms()
        exposures = [line.exposures for line in self._lines.values()]
        message = encode(deltas, exposures, self.dropped)
        self._clear()
        return message

    def _counters(self) -> dict[str, dict[Labels, float]]:
        counters: dict[str, dict[Labels, float]] = {one.name: {} for one in series.COUNTERS}
        for (application, status), count in self._unrouted.items():
            _add(counters[series.REQUESTS.name], (OTHER, OTHER, OTHER, OTHER, "none", status), count)
            if application:
                _add(counters[series.APPLICATION_REQUESTS.name], (application, OTHER, status), count)
        for line in self._lines.values():
            _count(counters, line)
        for labels, tokens in self._beside.items():
            _add(counters[series.TOKENS.name], labels, tokens)
        counters[series.DIFFICULTY_UNESTIMATED.name] = self._unestimated
        counters[series.CASCADES.name] = self._cascades
        counters[series.PASSTHROUGH.name] = self._handed_on
        if self._copies.ended:
            counters |= self._copies.counters()
        counters[series.ATTEMPTS.name] = {
            labels: sum(durations.counts) for labels, durations in self._attempts.items()
        }
        return counters

    def _histograms(self) -> dict[str, dict[Labels, Histogram]]:
        histograms: dict[str, dict[Labels, Histogram]] = {one.name: {} for one in series.HISTOGRAMS}
        for line in self._lines.values():
            common = line.exposures.line
            place = common.route, common.segment, common.variant
            line.durations.into(histograms[series.REQUEST_DURATION.name], place)
            line.first_tokens.into(histograms[series.FIRST_TOKEN.name], place)
            scores = histograms[series.DIFFICULTY_SCORE.name]
            line.scores.into(scores, (common.route, line.first.difficulty.source), line.scores.bounds)
        for (upstream, variant, _), durations in self._attempts.items():
            durations.into(histograms[series.ATTEMPT_DURATION.name], (upstream, variant))
        if self._copies.durations:
            copies = histograms[series.SHADOW_DURATION.name] = {}
            for labels, durations in self._copies.durations.items():
                durations.into(copies, labels)
        self._overhead.into(histograms[series.OVERHEAD.name], ())
        return histograms


def _count(counters: dict[str, dict[Labels, float]], line: Counts) -> None:
    """Spreads what a line has counted over the counters that it belongs to."""
    common = line.exposures.line
    application, route, status = common.application, common.route, common.status
    place = (route, common.segment, common.variant)
    _add(counters[series.REQUESTS.name], (*place, common.served, common.stratum, status), line.requests)
    _add(counters[series.ITEMS.name], place, line.items)
    _add(counters[series.COST.name], place, line.cost)
    if line.unpriced:
        _add(counters[series.UNPRICED.name], place, line.unpriced)
    _add(counters[series.APPLICATION_REQUESTS.name], (application, route, status), line.requests)
    _add(counters[series.APPLICATION_COST.name], (application, route), line.cost)
    _add(counters[series.DIFFICULTY_SOURCE.name], (route, line.first.difficulty.source), line.requests)
    if line.invalid:
        _add(counters[series.DIFFICULTY_INVALID.name], (route,), line.invalid)
    for kind in TOKEN_TYPES:
        _add(counters[series.TOKENS.name], (route, common.served, kind), getattr(line, kind))


def _add(counts: dict[Labels, float], labels: Labels, count: float) -> None:
    counts[labels] = counts.get(labels, 0) + count
