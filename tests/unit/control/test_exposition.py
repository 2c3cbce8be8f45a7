"""What is rendered here is read by the client library's own parsers, whatever the labels and numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from gateway.channel.records import Histogram
from gateway.channel.series import Series
from gateway.control.exemplars import Exemplars
from gateway.control.exposition import Exposition, unit_of, wants_openmetrics

COUNTER = Series("gate_things", 'What "things"\nthere are, \\ and more.', ("place", "kind"))
HISTOGRAM = Series("gate_wait_seconds", "How long.", ("place",), (0.001, 0.5, 1.0, 600.0))
TEXT = st.text('ab"\\\n {}=,é한', max_size=8)


def read(text: str, *, strict: bool):
    families = (
        openmetrics.text_string_to_metric_families(text + "# EOF\n")
        if strict
        else text_string_to_metric_families(text)
    )
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@given(st.dictionaries(st.tuples(TEXT, TEXT), st.floats(0, 1e15)), st.booleans())
def test_counters(totals, strict):
    text = "".join(Exposition().counter(COUNTER, totals, Exemplars() if strict else None))
    assert read(text, strict=strict) == {
        ("gate_things_total", (("kind", kind), ("place", place))): total
        for (place, kind), total in totals.items()
    }


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=5), st.floats(0, 1e9), st.booleans())
def test_a_histogram(counts, total, strict):
    exposition = Exposition()
    sums = {("here",): Histogram(counts, total)}
    exemplars = Exemplars() if strict else None
    first = "".join(exposition.histogram(HISTOGRAM, sums, exemplars))
    assert "".join(exposition.histogram(HISTOGRAM, sums, exemplars)) == first
    assert ("# UNIT gate_wait_seconds seconds\n" in first) == strict
    seen = read(first, strict=strict)
    place = ("place", "here")
    assert seen["gate_wait_seconds_sum", (place,)] == total
    assert seen["gate_wait_seconds_count", (place,)] == sum(counts)
    bounds = ("0.001", "0.5", "1.0", "600.0", "+Inf")
    assert [seen["gate_wait_seconds_bucket", (("le", bound), place)] for bound in bounds] == [
        sum(counts[: index + 1]) for index in range(5)
    ]


def test_a_family_without_labels():
    plain = Series("gate_things", "Things.")
    text = "".join(Exposition().counter(plain, {(): 3.0}))
    assert (
        text == "# HELP gate_things_total Things.\n# TYPE gate_things_total counter\ngate_things_total 3.0\n"
    )


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "Application/OpenMetrics-Text", "text/plain, application/openmetrics-text",
        'application/openmetrics-text; version="1.0.0"', PROMETHEUS_2, PROMETHEUS_3,
    ],
)  # fmt: skip
def test_who_gets_openmetrics(accept):
    assert wants_openmetrics(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "", "*/*", "text/plain", "application/openmetrics-text;q=0",
        "application/openmetrics-text;version=2.0.0", "application/openmetrics-text;version=x",
        "application/openmetrics-text;q=x", ";;,=,;=",
        "application/openmetrics-text;q=0.4,text/plain;q=0.5", "application/json",
    ],
)  # fmt: skip
def test_who_gets_the_classic_format(accept):
    assert not wants_openmetrics(accept)


@given(st.text(max_size=60))
def test_any_header(accept):
    wants_openmetrics(accept)


def test_units_are_those_that_names_end_with():
    assert unit_of("headgate_request_duration_seconds") == "seconds"
    assert unit_of("headgate_cost_usd") == "usd"
    assert unit_of("headgate_requests") == ""
