"""What a worker remembers of its requests until it tells the control plane, every `FLUSH` seconds.

Label strings meet numbers here and nowhere else in the data plane. Counting is a few additions on one object
per set of labels; the message is built once a flush.
"""

from __future__ import annotations

from bisect import bisect_left
from time import time

from gateway.channel import series
from gateway.channel.records import Batch, Deltas, Exposure, Histogram
from gateway.data.account import Account
from routing.snapshot import Rollout

FLUSH = 0.1
MAX_EXPOSURES = 20_000
"""Exposures held between two flushes; beyond it they are dropped and counted."""
OTHER = "_other"


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

    def delta(self) -> Histogram:
        """The message."""
        return Histogram(self.counts, self.total)


class Variants:
    """What is counted for one route, segment and assigned variant."""

    __slots__ = ("cost", "durations", "first_tokens", "items", "unpriced")

    def __init__(self) -> None:
        self.durations = Durations(series.SECONDS)
        self.first_tokens = Durations(series.SECONDS)
        self.cost = 0.0
        self.unpriced = 0
        self.items = 0


class Recorder:
    """Counts finished requests and attempts of one worker."""

    def __init__(self, worker: int) -> None:
        self._worker = worker
        self.dropped = 0
        self._clear()

    def _clear(self) -> None:
        self._requests: dict[tuple[str, ...], int] = {}
        self._variants: dict[tuple[str, str, str], Variants] = {}
        self._applications: dict[tuple[str, str, str], list[float]] = {}
        self._tokens: dict[tuple[str, str], list[int]] = {}
        self._attempts: dict[tuple[str, str, str], int] = {}
        self._attempt_durations: dict[tuple[str, str], Durations] = {}
        self._difficulties: dict[tuple[str, str], int] = {}
        self._invalid: dict[tuple[str], int] = {}
        self._overhead = Durations(series.OVERHEAD_SECONDS)
        self._exposures: list[Exposure] = []
        self._count = 0

    def attempted(self, upstream: str, variant: str, result: str, seconds: float) -> None:
        """Counts one upstream call."""
        key = (upstream, variant, result)
        self._attempts[key] = self._attempts.get(key, 0) + 1
        durations = self._attempt_durations.get((upstream, variant))
        if durations is None:
            durations = self._attempt_durations[upstream, variant] = Durations(series.SECONDS)
        durations.observe(seconds)

    def finished(self, account: Account, now: float) -> None:
        """Counts one request, once, at its end; `now` on the performance counter."""
        self._count += 1
        decision = account.decision
        if decision is None:
            self._unrouted(account)
            return
        route, segment, variant = decision.route.name, decision.segment.name, decision.variant.name
        stratum = decision.difficulty.stratum
        self._add(self._requests, (route, segment, variant, account.served, stratum, account.status))
        self._add(self._difficulties, (route, decision.difficulty.source))
        if decision.difficulty.invalid:
            self._add(self._invalid, (route,))
        duration = now - account.started
        self._overhead.observe(max((account.first_token or duration) - account.waited, 0.0))
        line = self._variants.get((route, segment, variant))
        if line is None:
            line = self._variants[route, segment, variant] = Variants()
        line.durations.observe(duration)
        if account.first_token:
            line.first_tokens.observe(account.first_token)
        line.items += account.items
        self._charge(account, line, route)
        if type(decision.segment.assignment) is Rollout:
            self._expose(account, duration)

    def flush(self, gauges: dict[str, float]) -> Batch:
        """What has been counted since the last flush, as a message, with the worker's gauges."""
        deltas = Deltas(self._worker, {}, {}, gauges)
        if self._count or self._attempts:
            deltas.counters = self._counters()
            deltas.histograms = self._histograms()
        batch = Batch(deltas, self._exposures, self.dropped)
        self._clear()
        return batch

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _add(counts: dict[tuple[str, ...], int], key: tuple[str, ...]) -> None:
        counts[key] = counts.get(key, 0) + 1

    def _unrouted(self, account: Account) -> None:
        self._add(self._requests, (OTHER, OTHER, OTHER, OTHER, "none", account.status))
        if account.key is not None:
            self._application(account, OTHER)

    def _application(self, account: Account, route: str) -> None:
        assert account.key is not None
        key = (account.key.application, route, account.status)
        line = self._applications.get(key)
        if line is None:
            line = self._applications[key] = [0.0, 0.0]
        line[0] += 1.0
        line[1] += account.cost or 0.0

    def _charge(self, account: Account, line: Variants, route: str) -> None:
        if account.cost is not None:
            line.cost += account.cost
        elif account.attempts:
            line.unpriced += 1
        self._application(account, route)
        usage = account.usage
        if usage is not None:
            tokens = self._tokens.get((route, account.served))
            if tokens is None:
                tokens = self._tokens[route, account.served] = [0, 0, 0, 0]
            tokens[0] += usage.input
            tokens[1] += usage.cached_input
            tokens[2] += usage.output
            tokens[3] += usage.reasoning

    def _expose(self, account: Account, duration: float) -> None:
        if len(self._exposures) >= MAX_EXPOSURES:
            self.dropped += 1
        else:
            self._exposures.append(account.exposure(time(), duration))

    def _counters(self) -> dict[str, dict[tuple[str, ...], float]]:
        lines = self._variants.items()
        return {
            series.REQUESTS.name: dict(self._requests),
            series.ATTEMPTS.name: dict(self._attempts),
            series.TOKENS.name: {
                (*key, kind): count
                for key, counts in self._tokens.items()
                for kind, count in zip(TOKEN_TYPES, counts, strict=True)
            },
            series.COST.name: {key: line.cost for key, line in lines},
            series.UNPRICED.name: {key: line.unpriced for key, line in lines if line.unpriced},
            series.ITEMS.name: {key: line.items for key, line in lines},
            series.APPLICATION_REQUESTS.name: {key: line[0] for key, line in self._applications.items()},
            series.APPLICATION_COST.name: self._application_costs(),
            series.DIFFICULTY_SOURCE.name: dict(self._difficulties),
            series.DIFFICULTY_INVALID.name: dict(self._invalid),
        }

    def _application_costs(self) -> dict[tuple[str, ...], float]:
        costs: dict[tuple[str, ...], float] = {}
        for (application, route, _), line in self._applications.items():
            costs[application, route] = costs.get((application, route), 0.0) + line[1]
        return costs

    def _histograms(self) -> dict[str, dict[tuple[str, ...], Histogram]]:
        lines = self._variants.items()
        return {
            series.REQUEST_DURATION.name: {key: line.durations.delta() for key, line in lines},
            series.FIRST_TOKEN.name: {
                key: line.first_tokens.delta() for key, line in lines if line.first_tokens.total
            },
            series.OVERHEAD.name: {(): self._overhead.delta()},
            series.ATTEMPT_DURATION.name: {
                key: durations.delta() for key, durations in self._attempt_durations.items()
            },
        }


TOKEN_TYPES = ("input", "cached_input", "output", "reasoning")
