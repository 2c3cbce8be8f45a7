"""What is rendered here is read by the client library's own parsers, whatever the labels and numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from gateway.channel.records import Histogram
from gateway.channel.series import Series
from gateway.control.exposition import Exposition

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
    text = "".join(Exposition().counter(COUNTER, totals, openmetrics=strict))
    assert read(text, strict=strict) == {
        ("gate_things_total", (("kind", kind), ("place", place))): total
        for (place, kind), total in totals.items()
    }


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=5), st.floats(0, 1e9), st.booleans())
def test_a_histogram(counts, total, strict):
    exposition = Exposition()
    sums = {("here",): Histogram(counts, total)}
    first = "".join(exposition.histogram(HISTOGRAM, sums))
    assert "".join(exposition.histogram(HISTOGRAM, sums)) == first
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
    text = "".join(Exposition().counter(plain, {(): 3.0}, openmetrics=False))
    assert (
        text == "# HELP gate_things_total Things.\n# TYPE gate_things_total counter\ngate_things_total 3.0\n"
    )
