"""What the control plane makes of workers' messages while two processes have one number."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.channel import series
from gateway.channel.records import Batch, Deltas, Histogram
from gateway.control.metrics import Metrics

LABELS = ("solver", "all", "base", "base", "none", "ok")


def say(metrics: Metrics, lane: int, size: float | None, count: float = 0) -> None:
    """Worker 0 has its say; without a size it has left."""
    gauges = {} if size is None else {series.RESIDENT: size, series.INFLIGHT: 1.0}
    counters = {series.REQUESTS.name: {LABELS: count}} if count else {}
    metrics.merge(Batch(Deltas(0, counters, {}, gauges, [], lane), []))


def values(metrics: Metrics, name: str) -> list[tuple[dict[str, str], float]]:
    text, _ = metrics.render("")
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text.decode())
        if family.name == name
        for sample in family.samples
    ]


def test_two_processes_of_a_number_are_one_worker():
    metrics = Metrics("1")
    say(metrics, 0, 100.0, count=2)
    say(metrics, 1, 70.0, count=3)
    assert values(metrics, series.RESIDENT) == [({"worker": "0"}, 170.0)]
    assert values(metrics, series.INFLIGHT) == [({}, 2.0)]
    assert [value for _, value in values(metrics, series.REQUESTS.name)] == [5.0]


def test_one_that_has_left_is_forgotten_and_what_it_counted_is_not():
    metrics = Metrics("1")
    say(metrics, 0, 100.0)
    say(metrics, 1, 70.0)
    say(metrics, 0, None, count=4)
    assert values(metrics, series.RESIDENT) == [({"worker": "0"}, 70.0)]
    assert values(metrics, series.INFLIGHT) == [({}, 1.0)]
    assert [value for _, value in values(metrics, series.REQUESTS.name)] == [4.0]
    say(metrics, 1, None)
    assert values(metrics, series.RESIDENT) == []


def test_one_that_was_started_again_takes_its_predecessors_place():
    metrics = Metrics("1")
    say(metrics, 0, 100.0)
    say(metrics, 0, 60.0)
    assert values(metrics, series.RESIDENT) == [({"worker": "0"}, 60.0)]


def test_scores_are_counted_on_their_routes_scale():
    metrics = Metrics("1")
    labels = ("solver", "estimate")

    def score(counts, total, bounds):
        histogram = Histogram(counts, total, bounds)
        metrics.merge(Batch(Deltas(0, {}, {series.DIFFICULTY_SCORE.name: {labels: histogram}}, {}), []))
        found = values(metrics, series.DIFFICULTY_SCORE.name)
        return {labels.get("le"): value for labels, value in found if "le" in labels}

    score([1, 0, 1], 30.0, (10.0, 20.0))
    assert score([0, 2, 0], 30.0, (10.0, 20.0)) == {"10.0": 1.0, "20.0": 3.0, "+Inf": 4.0}
    assert score([1, 0], 1.0, (2.0,)) == {"2.0": 1.0, "+Inf": 1.0}, "another scale begins anew"
