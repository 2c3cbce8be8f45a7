"""Which request stands behind a bucket, and that a parser reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.channel import series
from gateway.channel.records import Batch, Deltas, Exposure, Histogram, Line
from gateway.control.exposures import KEPT, Exposures
from gateway.control.metrics import Metrics

PLACE = ("solver", "all", "base")
TRACE = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
ACCEPT = "application/openmetrics-text"


def line(status: str = "ok") -> Line:
    return Line(
        "tests", *PLACE, "base", "rollout", 1, 1, 0, "compared", "none", 0, status, 0, False, False, False
    )


def exposure(number: int, duration: float, **fields: Any) -> Exposure:
    made = Exposure(number.to_bytes(12, "big"), float(number), 0, 0, duration, 0.0, 1, 0, 0, 0, 0, 0.0, 1)
    return msgspec.structs.replace(made, **fields)


def counted() -> Metrics:
    """Metrics in which every series of these requests is there."""
    metrics = Metrics("1")
    histogram = Histogram([1] * (len(series.SECONDS) + 1), 1.0)
    counters = {series.REQUESTS.name: {(*PLACE, "base", "none", status): 1.0 for status in ("ok", "timeout")}}
    histograms = {one.name: {PLACE: histogram} for one in (series.REQUEST_DURATION, series.FIRST_TOKEN)}
    metrics.merge(Batch(Deltas(0, counters, histograms, {}), []))
    return metrics


def shown(metrics: Metrics, exposures: Exposures, accept: str = ACCEPT) -> dict[tuple[str, str], dict]:
    """Request by series and bucket or status."""
    text, _ = metrics.render(accept, exposures)
    return {
        (sample.name, sample.labels.get("le") or sample.labels["status"]): sample.exemplar
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.exemplar
    }


def add(exposures: Exposures, common: Line, several: Sequence[Exposure]) -> None:
    exposures.add(msgspec.msgpack.encode((common, several)), len(several))


def kept(*several: Exposure, status: str = "ok") -> Exposures:
    exposures = Exposures()
    add(exposures, line(status), several)
    return exposures


def test_the_newest_of_a_bucket():
    exposures = kept(exposure(1, 0.04), exposure(2, 0.045), exposure(3, 0.2), exposure(4, 1e6))
    found = shown(counted(), exposures)
    numbers = {bucket: int(one.labels["request_id"], 16) for (_, bucket), one in found.items()}
    assert numbers == {"0.05": 2, "0.2": 3, "+Inf": 4}
    one = found["headgate_request_duration_seconds_bucket", "0.05"]
    assert (one.value, float(one.timestamp)) == (0.045, 2.0)
    assert set(one.labels) == {"request_id"}


def test_traces_and_first_tokens_and_failures():
    exposures = kept(exposure(1, 0.3, trace=TRACE, first_token=0.02))
    add(exposures, line("timeout"), [exposure(2, 60.0)])
    found = shown(counted(), exposures)
    first = found["headgate_time_to_first_token_seconds_bucket", "0.025"]
    assert first.labels["trace_id"] == TRACE.hex()
    failed = found["headgate_requests_total", "timeout"]
    assert (failed.value, failed.labels["request_id"]) == (1.0, exposure(2, 0).nonce.hex())
    assert ("headgate_requests_total", "ok") not in found
    for one in found.values():
        assert sum(len(name) + len(value) for name, value in one.labels.items()) <= 128


def test_they_stay_until_there_is_a_newer_one():
    metrics, exposures = counted(), kept(exposure(9, 0.04))
    before = shown(metrics, exposures)
    add(exposures, line(), [exposure(1, 0.04)])  # a worker's message that came late
    assert shown(metrics, exposures) == before
    add(exposures, line(), [exposure(10, 0.04)])
    (one,) = shown(metrics, exposures).values()
    assert float(one.timestamp) == 10.0


def test_the_classic_format_has_none_and_takes_none_away():
    metrics, exposures = counted(), kept(exposure(1, 0.04))
    assert b"request_id" not in metrics.render("", exposures)[0]
    assert len(shown(metrics, exposures)) == 1


def test_what_is_not_remembered_is_not_looked_for():
    exposures = Exposures()
    for number in range(3):
        add(exposures, line(), [exposure(number, 0.0)] * KEPT)
    assert len(list(exposures.news())) == KEPT
    assert list(exposures.news()) == []
    add(exposures, line(), [exposure(7, 0.0), exposure(8, 0.0)])
    assert [one.time for _, one in exposures.news()] == [8.0, 7.0]
