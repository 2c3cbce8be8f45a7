"""Counters and histograms as Prometheus reads them (text format 0.0.4, OpenMetrics 1.0).

The client library makes an object of every sample and formats every label anew, which is some ten
microseconds a line; fifty routes have twenty thousand lines. Names and labels of a series do not change, so
they are written once and only the numbers are put behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate

from gateway.channel.records import Histogram
from gateway.channel.series import Labels, Series


class Exposition:
    """Renders the same series again and again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Labels], list[str]] = {}

    def counter(self, one: Series, totals: Mapping[Labels, float], *, openmetrics: bool) -> Iterable[str]:
        """The lines of one family."""
        yield from _heading(one, "counter", one.name if openmetrics else f"{one.name}_total")
        for labels, total in totals.items():
            (name,) = self._known.get((one.name, labels)) or self._name_counter(one, labels)
            yield f"{name}{total!r}\n"

    def histogram(self, one: Series, sums: Mapping[Labels, Histogram]) -> Iterable[str]:
        """The lines of one family."""
        yield from _heading(one, "histogram", one.name)
        for labels, histogram in sums.items():
            names = self._known.get((one.name, labels)) or self._name_histogram(one, labels)
            counts = list(accumulate(histogram.counts))
            counts.append(counts[-1])
            yield "".join([f"{name}{count}\n" for name, count in zip(names[1:], counts, strict=True)])
            yield f"{names[0]}{float(histogram.sum)!r}\n"

    def _name_counter(self, one: Series, labels: Labels) -> list[str]:
        names = self._known[one.name, labels] = [f"{one.name}_total{_braces(_pairs(one, labels))} "]
        return names

    def _name_histogram(self, one: Series, labels: Labels) -> list[str]:
        """Of the sum, of every bucket, of the count."""
        pairs = _pairs(one, labels)
        bounds = [*map(str, one.buckets), "+Inf"]
        names = self._known[one.name, labels] = [
            f"{one.name}_sum{_braces(pairs)} ",
            *[f"{one.name}_bucket{_braces([*pairs, _pair('le', bound)])} " for bound in bounds],
            f"{one.name}_count{_braces(pairs)} ",
        ]
        return names


def _heading(one: Series, kind: str, name: str) -> Iterable[str]:
    text = one.help.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _pairs(one: Series, labels: Labels) -> list[str]:
    return [_pair(name, value) for name, value in zip(one.labels, labels, strict=True)]


def _pair(name: str, value: str) -> str:
    value = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'{name}="{value}"'


def _braces(pairs: list[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""
