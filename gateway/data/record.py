"""What a worker remembers of its requests until it tells the control plane, every `FLUSH` seconds.

Label strings meet numbers here and nowhere else in the data plane. A request costs one look-up of its line,
which is everything that is counted for one set of labels; the message is made of the lines once a flush.
"""

from __future__ import annotations

from bisect import bisect_left
from time import time

from gateway.channel import series
from gateway.channel.records import Deltas, Exposures, Histogram, encode
from gateway.channel.series import Labels
from gateway.data.account import Account

FLUSH = 0.1
"""Seconds between two messages."""
MAX_EXPOSURES = 20_000
"""Exposures held between two flushes; beyond it they are dropped and counted."""
OTHER = "_other"
TOKEN_TYPES = ("input", "cached_input", "output", "reasoning")


class Durations:
    """A histogram being filled."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def into(self, histograms: dict[Labels, Histogram], labels: Labels) -> None:
        """Adds what was observed, if anything, to the histogram of these labels."""
        if not any(self.counts):
            return
        known = histograms.get(labels)
        if known is None:
            histograms[labels] = Histogram(self.counts, self.total)
        else:
            known.counts = [one + other for one, other in zip(known.counts, self.counts, strict=True)]
            known.sum += self.total


class Line:
    """What is counted for one application, route, segment, variant, served variant, stratum and status."""

    __slots__ = (
        "cached_input", "cost", "durations", "first_tokens", "input", "invalid", "items", "output",
        "reasoning", "requests", "unpriced",
    )  # fmt: skip

    def __init__(self) -> None:
        self.requests = self.items = self.unpriced = self.invalid = 0
        self.input = self.cached_input = self.output = self.reasoning = 0
        self.cost = 0.0
        self.durations = Durations(series.SECONDS)
        self.first_tokens = Durations(series.SECONDS)


class Recorder:
    """Counts finished requests and attempts of one worker."""

    def __init__(self, worker: int, lane: int = 0) -> None:
        self._worker = worker
        self._lane = lane
        self.dropped = 0
        """Messages and exposures lost since the last message that was sent."""
        self._clear()

    def _clear(self) -> None:
        self._lines: dict[Labels, Line] = {}
        self._unrouted: dict[Labels, float] = {}
        self._attempts: dict[Labels, Durations] = {}
        self._overhead = Durations(series.OVERHEAD_SECONDS)
        self._exposures = Exposures()

    def lost(self) -> None:
        """Something else for the control plane found no room."""
        self.dropped += 1

    @property
    def empty(self) -> bool:
        """Whether nothing has been counted since the last flush."""
        return not (self._lines or self._unrouted or self._attempts)

    def attempted(self, upstream: str, variant: str, result: str, seconds: float) -> None:
        """Counts one upstream call."""
        labels = (upstream, variant, result)
        durations = self._attempts.get(labels)
        if durations is None:
            durations = self._attempts[labels] = Durations(series.SECONDS)
        durations.observe(seconds)

    def finished(self, account: Account, now: float) -> None:
        """Counts one request, once, at its end; `now` on the monotonic clock."""
        key, decision = account.key, account.decision
        if decision is None or key is None:
            _add(self._unrouted, (key.application if key else "", account.status), 1)
            return
        segment, difficulty = decision.segment, decision.difficulty
        labels = (
            key.application, decision.route.name, segment.name, decision.variant.name, account.served,
            difficulty.stratum, account.status, difficulty.source,
        )  # fmt: skip
        line = self._lines.get(labels)
        if line is None:
            line = self._lines[labels] = Line()
        line.requests += 1
        line.items += account.items
        if difficulty.invalid:
            line.invalid += 1
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
        duration = now - account.started
        line.durations.observe(duration)
        if account.first_token:
            line.first_tokens.observe(account.first_token)
        self._overhead.observe((account.first_token or duration) - account.waited)
        if self._exposures.count < MAX_EXPOSURES:
            self._exposures.add(account.exposure(time(), duration))
        else:
            self.dropped += 1

    def flush(self, gauges: dict[str, float], open_breakers: list[tuple[str, str]]) -> bytes:
        """What has been counted since the last flush, as a message, with the worker's present state."""
        deltas = Deltas(self._worker, {}, {}, gauges, open_breakers, self._lane)
        if not self.empty:
            deltas.counters = self._counters()
            deltas.histograms = self._histograms()
        message = encode(deltas, self._exposures, self.dropped)
        self._clear()
        return message

    def _counters(self) -> dict[str, dict[Labels, float]]:
        counters: dict[str, dict[Labels, float]] = {one.name: {} for one in series.COUNTERS}
        for (application, status), count in self._unrouted.items():
            _add(counters[series.REQUESTS.name], (OTHER, OTHER, OTHER, OTHER, "none", status), count)
            if application:
                _add(counters[series.APPLICATION_REQUESTS.name], (application, OTHER, status), count)
        for labels, line in self._lines.items():
            _count(counters, labels, line)
        counters[series.ATTEMPTS.name] = {
            labels: sum(durations.counts) for labels, durations in self._attempts.items()
        }
        return counters

    def _histograms(self) -> dict[str, dict[Labels, Histogram]]:
        histograms: dict[str, dict[Labels, Histogram]] = {one.name: {} for one in series.HISTOGRAMS}
        for (_, route, segment, variant, *_), line in self._lines.items():
            line.durations.into(histograms[series.REQUEST_DURATION.name], (route, segment, variant))
            line.first_tokens.into(histograms[series.FIRST_TOKEN.name], (route, segment, variant))
        for (upstream, variant, _), durations in self._attempts.items():
            durations.into(histograms[series.ATTEMPT_DURATION.name], (upstream, variant))
        self._overhead.into(histograms[series.OVERHEAD.name], ())
        return histograms


def _count(counters: dict[str, dict[Labels, float]], labels: Labels, line: Line) -> None:
    """Spreads one line over the counters that it belongs to."""
    application, route, segment, variant, served, stratum, status, source = labels
    place = (route, segment, variant)
    _add(counters[series.REQUESTS.name], (*place, served, stratum, status), line.requests)
    _add(counters[series.ITEMS.name], place, line.items)
    _add(counters[series.COST.name], place, line.cost)
    if line.unpriced:
        _add(counters[series.UNPRICED.name], place, line.unpriced)
    _add(counters[series.APPLICATION_REQUESTS.name], (application, route, status), line.requests)
    _add(counters[series.APPLICATION_COST.name], (application, route), line.cost)
    _add(counters[series.DIFFICULTY_SOURCE.name], (route, source), line.requests)
    if line.invalid:
        _add(counters[series.DIFFICULTY_INVALID.name], (route,), line.invalid)
    for kind in TOKEN_TYPES:
        _add(counters[series.TOKENS.name], (route, served, kind), getattr(line, kind))


def _add(counts: dict[Labels, float], labels: Labels, count: float) -> None:
    counts[labels] = counts.get(labels, 0) + count
