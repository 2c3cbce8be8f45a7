"""Every series that Prometheus sees, in one place.

Workers send what they counted since their last message; it is added up here in plain dictionaries and
rendered when Prometheus asks. A scrape never touches a worker. There is one registry in one process: none of
the prometheus client's multi-process mode, in which dead workers keep counting.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import add
from time import monotonic, time

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest as classic
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as strict
from prometheus_client.registry import Collector

from gateway.channel import series
from gateway.channel.records import Batch, Histogram
from gateway.channel.series import Labels, Series
from gateway.control.difficulty_series import difficulty_families
from gateway.control.exemplars import Exemplars
from gateway.control.exposition import CLASSIC, OPENMETRICS, Exposition, unit_of, wants_openmetrics
from gateway.control.exposures import Exposures
from gateway.control.gains import SILENCE, Drift
from gateway.control.rollout_series import View, families
from routing.evidence.standing import Standing
from routing.snapshot import BASIS_POINTS, Rollout, Snapshot

END = b"# EOF\n"


@dataclass(slots=True)
class _Worker:
    """What a worker last said of itself; `heard` on the monotonic clock."""

    heard: float
    gauges: Mapping[str, float] = field(default_factory=dict)
    open_breakers: Sequence[tuple[str, str]] = ()
    failed_probes: Sequence[tuple[str, str, int]] = ()


class Metrics(Collector):
    """Adds up what workers count, and renders it with what the control plane knows itself."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._counters: dict[str, dict[Labels, float]] = {one.name: {} for one in series.ALL_COUNTERS}
        self._histograms: dict[str, dict[Labels, Histogram]] = {one.name: {} for one in series.ALL_HISTOGRAMS}
        self._workers: dict[tuple[int, int], _Worker] = {}  # by number and lane
        self._dropped = 0
        self._lost: Counter[str] = Counter()
        self._reload_failures = 0
        self._standings: dict[tuple[str, str], Mapping[str, Standing]] = {}
        self._initialized: float | None = None
        self._snapshot: Snapshot | None = None
        self._since = 0.0
        self._rollouts: Callable[[], View] = lambda: View("", False, False, ())
        self._drifts: Callable[[], Iterable[Drift]] = lambda: ()
        self._stale: Mapping[str, bool] = {}
        self._exposition = Exposition()
        self._exemplars = Exemplars()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────

    def merge(self, batch: Batch) -> None:
        """A worker's message has come."""
        deltas = batch.deltas
        for name, counts in deltas.counters.items():
            totals = self._counters[name]
            for labels, count in counts.items():
                totals[labels] = totals.get(labels, 0.0) + count
        for name, histograms in deltas.histograms.items():
            sums = self._histograms[name]
            for labels, delta in histograms.items():
                known = sums.get(labels)
                if known is None or known.bounds != delta.bounds:  # a route has got another scale
                    sums[labels] = delta
                else:
                    known.counts = list(map(add, known.counts, delta.counts))
                    known.sum += delta.sum
        place = deltas.worker, deltas.lane
        if deltas.gauges:
            self._workers[place] = _Worker(
                monotonic(), deltas.gauges, deltas.open_breakers, deltas.failed_probes
            )  # fmt: skip
        else:
            self._workers.pop(place, None)
        self._dropped += batch.dropped

    def dropped(self, count: int = 1) -> None:
        """Messages or records were lost on this side."""
        self._dropped += count

    def reported(self, place: Labels, field: str, value: object, status: str) -> None:
        """The first report of a field, or the first that contradicts it (status `conflict`).

        `place` is route, segment and variant.
        """
        if status == "conflict":
            self._count(series.OUTCOMES, (*place, field, "conflict"))
        elif isinstance(value, bool):
            self._count(series.OUTCOMES, (*place, field, "true" if value else "false"))
        elif field == "score" and isinstance(value, float):
            histograms = self._histograms[series.OUTCOME_SCORE.name]
            bounds = series.OUTCOME_SCORE.buckets
            known = histograms.setdefault(place, Histogram([0] * (len(bounds) + 1), 0.0))
            known.counts[bisect_left(bounds, value)] += 1
            known.sum += value

    def judged(self, route: str, variant: str, result: str) -> None:
        """An answer has been judged: `passed`, `failed` or `skipped`."""
        self._count(series.VALIDATIONS, (route, variant, result))

    def copy_judged(self, labels: Labels) -> None:
        """A shadow's answer has been judged: route, segment, variant, and the same results."""
        self._count(series.SHADOW_VALIDATIONS, labels)

    def moved(self, labels: Labels) -> None:
        """This replica has moved a rollout: route, segment, from, to, cause."""
        self._count(series.TRANSITIONS, labels)

    def failed_probes(self, route: str, variant: str) -> int:
        """Probes that have failed since the variant's breaker opened, of all workers."""
        told = chain.from_iterable(worker.failed_probes for worker in self._alive().values())
        return sum(failed for *place, failed in told if place == [route, variant])

    def show_drifts(self, drifts: Callable[[], Iterable[Drift]]) -> None:
        """`drifts` is asked at every scrape: how far requests are from what models were trained on."""
        self._drifts = drifts

    def models(self, stale: Mapping[str, bool]) -> None:
        """By route that estimates: whether its model's file cannot be used as it is."""
        self._stale = stale

    def show_rollouts(self, shown: Callable[[], View]) -> None:
        """`shown` is asked at every scrape: what this replica sees."""
        self._rollouts = shown

    def _count(self, one: Series, labels: Labels) -> None:
        totals = self._counters[one.name]
        totals[labels] = totals.get(labels, 0.0) + 1

    def serves(self, snapshot: Snapshot, since: float) -> None:
        """A snapshot is being served; `since` in seconds on the wall clock."""
        self._snapshot = snapshot
        self._standings = {
            place: standings for place, standings in self._standings.items() if place[0] in snapshot.routes
        }
        self._since = since

    def stands(self, place: tuple[str, str], standings: Mapping[str, Standing]) -> None:
        """How the variants of a route's segment stand, as the store has it."""
        self._standings[place] = standings

    def store_initialized(self, time: float) -> None:
        """The store says that it was first used then, in seconds since 1970."""
        self._initialized = time

    def telemetry_lost(self, signal: str, count: int) -> None:
        """So many requests, spans or reports of figures could not be sent; 0 shows that telemetry is on."""
        self._lost[signal] += count

    def reload_failed(self, count: int = 1) -> None:
        """An edit of the configuration, or of files that it names, was refused."""
        self._reload_failures += count

    # ── what is seen ─────────────────────────────────────────────────────────────────────────────────

    def render(self, accept: str, exposures: Exposures | None = None) -> tuple[bytes, str]:
        """The exposition and its content type, as `accept` asks: the classic text format or OpenMetrics.

        OpenMetrics has exemplars, of `exposures`.
        """
        exemplars = self._exemplars if wants_openmetrics(accept) else None
        if exemplars is not None and exposures is not None:
            exemplars.take(exposures.news())
        many = [
            *(
                self._exposition.counter(one, self._counters[one.name], exemplars)
                for one in series.ALL_COUNTERS
            ),
            *(
                self._exposition.histogram(one, self._histograms[one.name], exemplars)
                for one in series.ALL_HISTOGRAMS
            ),
        ]
        text = "".join(chain.from_iterable(many)).encode()
        if exemplars is None:
            return classic(self._registry) + text, CLASSIC
        few: bytes = strict(self._registry)  # type: ignore[no-untyped-call]
        return few.removesuffix(END) + text + END, OPENMETRICS

    def describe(self) -> list[Metric]:
        """Nothing in advance: the registry need not collect to register."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families with few lines, for the registry."""
        for family in self._families():
            family.unit = unit_of(family.name)
            yield family

    def _families(self) -> Iterator[Metric]:
        yield from self._worker_gauges()
        yield from self._breakers()
        yield from self._snapshot_gauges()
        yield from self._evidence()
        yield from families(self._rollouts())
        yield from difficulty_families(self._stale, self._drifts(), self._snapshot)
        yield CounterMetricFamily(
            "headgate_config_reload_failures",
            "Edits of the configuration that were refused.",
            self._reload_failures,
        )
        yield CounterMetricFamily(
            "headgate_dropped_events", "Messages and records of workers that were lost.", self._dropped
        )
        if self._lost:
            lost = CounterMetricFamily(
                "headgate_telemetry_lost",
                "Spans (traces) and reports of figures (metrics) that could not be sent.",
                labels=["signal"],
            )
            for signal, count in self._lost.items():
                lost.add_metric([signal], count)
            yield lost
        if self._initialized is not None:
            yield GaugeMetricFamily(
                "headgate_store_initialized_timestamp_seconds",
                "When the store was first used, as it says itself: new for one that has lost everything.",
                self._initialized,
            )
        build = GaugeMetricFamily("headgate_build_info", "The running version.", labels=["version"])
        build.add_metric([self._version], 1)
        yield build

    def _alive(self) -> dict[tuple[int, int], _Worker]:
        """While a worker is being replaced, its number is there twice."""
        since = monotonic() - SILENCE
        return {place: worker for place, worker in self._workers.items() if worker.heard >= since}

    def _worker_gauges(self) -> Iterator[Metric]:
        alive = {place: worker.gauges for place, worker in self._alive().items()}
        inflight = sum(gauges.get(series.INFLIGHT, 0.0) for gauges in alive.values())
        yield GaugeMetricFamily(series.INFLIGHT, "Requests being answered now.", inflight)
        held: Counter[int] = Counter()
        for (number, _), gauges in sorted(alive.items()):
            if series.RESIDENT in gauges:
                held[number] += int(gauges[series.RESIDENT])
        resident = GaugeMetricFamily(
            series.RESIDENT, "Memory that a worker holds, one that is leaving included.", labels=["worker"]
        )
        for number, size in held.items():
            resident.add_metric([str(number)], size)
        yield resident
        revisions = [gauges[series.REVISION] for gauges in alive.values() if series.REVISION in gauges]
        if revisions:
            yield GaugeMetricFamily(
                series.REVISION, "The revision being served, by the slowest worker.", min(revisions)
            )

    def _breakers(self) -> Iterator[Metric]:
        """Every variant of every route, so that an alert finds its series before anything happens."""
        if self._snapshot is None:
            return
        variants = {
            (variant.upstream, name): None  # a dictionary, for its order
            for route in self._snapshot.routes.values()
            if route.breaker is not None
            for name, variant in route.variants.items()
        }
        count = Counter(chain.from_iterable(set(worker.open_breakers) for worker in self._alive().values()))
        family = GaugeMetricFamily(
            series.BREAKER_OPEN,
            "In how many workers a variant is passed over.",
            labels=["upstream", "variant"],
        )
        for labels in variants:
            family.add_metric(labels, count[labels])
        yield family

    def _evidence(self) -> Iterator[Metric]:
        place = ["route", "segment", "variant"]
        coverage = GaugeMetricFamily(
            "headgate_outcome_coverage_ratio",
            "Of a rollout's units in this period, the share of which a metric is known.",
            labels=[*place, "metric"],
        )
        cost = GaugeMetricFamily(
            "headgate_cost_per_success_usd", "What one validated success cost in this period.", labels=place
        )
        for (route, segment), standings in self._standings.items():
            for variant, standing in standings.items():
                for metric, share in standing.coverage.items():
                    coverage.add_metric([route, segment, variant, metric], share)
                if standing.cost_per_success is not None:
                    cost.add_metric([route, segment, variant], standing.cost_per_success)
        yield coverage
        yield cost

    def _snapshot_gauges(self) -> Iterator[Metric]:
        if self._snapshot is None:
            return
        yield GaugeMetricFamily(
            "headgate_snapshot_age_seconds",
            "How long the newest snapshot has been served.",
            max(time() - self._since, 0.0),
        )
        weights = GaugeMetricFamily(
            "headgate_rollout_weight",
            "The candidate's share of its segment's traffic, in percent.",
            labels=["route", "segment"],
        )
        for route in self._snapshot.routes.values():
            for segment in route.segments:
                if isinstance(segment.assignment, Rollout):
                    share = segment.assignment.weight / BASIS_POINTS * 100
                    weights.add_metric([route.name, segment.name], share)
        yield weights
