"""What Prometheus sees of estimated difficulty: models, thresholds, drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.control.gains import Drift
from routing.snapshot import Snapshot


def difficulty_families(
    stale: Mapping[str, bool], drifts: Iterable[Drift], snapshot: Snapshot | None
) -> Iterator[Metric]:
    """The families; `stale` tells of each route that estimates whether its model's file cannot be used."""
    models = GaugeMetricFamily(
        "headgate_difficulty_model_stale",
        "1 while the file of a route's model cannot be used: the last good one, or the default, serves on.",
        labels=["route"],
    )
    for route, fault in stale.items():
        models.add_metric([route], float(fault))
    yield models
    drift = GaugeMetricFamily(
        "headgate_difficulty_drift_ratio",
        "How far recent estimates of a task are from those of training: 0 alike, 1 disjoint.",
        labels=["route", "task"],
    )
    for name, task, distance in drifts:
        drift.add_metric([name, task], distance)
    yield drift
    thresholds = GaugeMetricFamily(
        "headgate_gain_threshold",
        "The estimator's figure from which on a request is among the top share of its task.",
        labels=["route", "task", "top"],
    )
    for place in snapshot.routes.values() if snapshot is not None else ():
        for (task, top), threshold in place.difficulty.thresholds.items():
            thresholds.add_metric([place.name, task, f"{top / 100:g}"], threshold)
    yield thresholds
