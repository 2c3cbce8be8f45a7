"""What Prometheus sees of rollouts: gauges that are the same on every replica, and who leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from routing.rollout.document import Document
from routing.rollout.phases import PHASES
from routing.rollout.verdict import Evaluation

PLACE = ("route", "segment")
TESTS = ("route", "segment", "metric", "test")


class Shown(NamedTuple):
    """One rollout and its planned stage; `evaluation` None: not looked at yet."""

    document: Document
    stage: int
    evaluation: Evaluation | None


class View(NamedTuple):
    """What a replica sees: what it is called, whether it leads, whether the store answers, the rollouts."""

    replica: str
    leads: bool
    reached: bool
    rollouts: Sequence[Shown]


def families(view: View) -> Iterator[Metric]:
    """Its metric families."""
    replica = GaugeMetricFamily("headgate_replica_info", "What this replica is called.", labels=["replica"])
    replica.add_metric([view.replica], 1.0)
    yield replica
    yield GaugeMetricFamily("headgate_leader", "1 on the replica that moves rollouts.", float(view.leads))
    yield GaugeMetricFamily(
        "headgate_store_reached", "1 while the store answers this replica.", float(view.reached)
    )
    stage = GaugeMetricFamily("headgate_rollout_stage", "The planned stage, from 1.", labels=PLACE)
    phase = GaugeMetricFamily(
        "headgate_rollout_phase", "1 for the phase that a rollout is in.", labels=(*PLACE, "phase")
    )
    unsettled = GaugeMetricFamily(
        "headgate_rollout_unsettled", "1 while a promotion is not in the configuration.", labels=PLACE
    )
    for document, number, _ in view.rollouts:
        place = document.route, document.segment
        stage.add_metric(place, number)
        for one in PHASES:
            phase.add_metric((*place, one), float(one == document.phase))
        unsettled.add_metric(place, float(document.unsettled))
    yield from (stage, phase, unsettled, *_proofs(view.rollouts))


def _proofs(rollouts: Sequence[Shown]) -> tuple[Metric, Metric]:
    evidence = GaugeMetricFamily(
        "headgate_rollout_evidence",
        "The E-value of a test: what stands against its hypothesis.",
        labels=TESTS,
    )
    threshold = GaugeMetricFamily(
        "headgate_rollout_evidence_threshold", "The E-value at which the test decides.", labels=TESTS
    )
    for document, _, evaluation in rollouts:
        for metric, one in (evaluation.comparisons if evaluation else {}).items():
            place = document.route, document.segment, metric
            evidence.add_metric((*place, "harm"), one.proof.harm)
            evidence.add_metric((*place, "safe"), one.proof.safe)
            threshold.add_metric((*place, "harm"), one.proof.harm_needed)
            threshold.add_metric((*place, "safe"), one.proof.safe_needed)
    return evidence, threshold
