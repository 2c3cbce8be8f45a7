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
from gateway.control.exemplars import Exemplar, Exemplars

CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
UNITS = ("seconds", "bytes", "ratio", "usd")


def wants_openmetrics(accept: str) -> bool:
    """Whether `Accept` prefers OpenMetrics 1.0, or any version of it, to the classic format."""
    best = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for choice in accept.split(","):
        kind, *rest = (part.strip() for part in choice.lower().split(";"))
        options = dict(part.split("=", 1) for part in rest if "=" in part)
        if kind not in best or kind != "text/plain" and options.get("version", "1.0.0").strip('"') != "1.0.0":
            continue
        try:
            best[kind] = max(best[kind], float(options.get("q", "1")))
        except ValueError:
            continue
    openmetrics, classic = best.values()
    return openmetrics > 0 and openmetrics >= classic


def unit_of(name: str) -> str:
    """The unit with which a family's name ends; empty: none."""
    last = name.rpartition("_")[2]
    return last if last in UNITS else ""


class Exposition:
    """Renders the same series again and again. With exemplars it is OpenMetrics, else the classic format."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Labels], list[str]] = {}
        self._bounds: dict[tuple[str, Labels], tuple[float, ...]] = {}

    def counter(
        self, one: Series, totals: Mapping[Labels, float], exemplars: Exemplars | None = None
    ) -> Iterable[str]:
        """The lines of one family."""
        yield _heading(one, "counter", openmetrics=exemplars is not None)
        for labels, total in totals.items():
            (name,) = self._known.get((one.name, labels)) or self._name_counter(one, labels)
            shown = exemplars.of(one, labels) if exemplars is not None else None
            yield f"{name}{total!r}{shown[0].text if shown else ''}\n"

    def histogram(
        self, one: Series, sums: Mapping[Labels, Histogram], exemplars: Exemplars | None = None
    ) -> Iterable[str]:
        """The lines of one family."""
        yield _heading(one, "histogram", openmetrics=exemplars is not None)
        for labels, histogram in sums.items():
            bounds = histogram.bounds or one.buckets
            names = self._known.get((one.name, labels))
            if names is None or self._bounds[one.name, labels] != bounds:
                names = self._name_histogram(one, labels, bounds)
            counts = list(accumulate(histogram.counts))
            counts.append(counts[-1])
            shown = exemplars.of(one, labels) if exemplars is not None else None
            lines = [f"{name}{count}\n" for name, count in zip(names[1:], counts, strict=True)]
            yield "".join(_shown(lines, shown) if shown else lines)
            yield f"{names[0]}{float(histogram.sum)!r}\n"

    def _name_counter(self, one: Series, labels: Labels) -> list[str]:
        names = self._known[one.name, labels] = [f"{one.name}_total{_braces(_pairs(one, labels))} "]
        return names

    def _name_histogram(self, one: Series, labels: Labels, buckets: tuple[float, ...]) -> list[str]:
        """Of the sum, of every bucket, of the count."""
        self._bounds[one.name, labels] = buckets
        pairs = _pairs(one, labels)
        bounds = [*map(str, buckets), "+Inf"]
        names = self._known[one.name, labels] = [
            f"{one.name}_sum{_braces(pairs)} ",
            *[f"{one.name}_bucket{_braces([*pairs, _pair('le', bound)])} " for bound in bounds],
            f"{one.name}_count{_braces(pairs)} ",
        ]
        return names


def _heading(one: Series, kind: str, *, openmetrics: bool) -> str:
    text = one.help.replace("\\", "\\\\").replace("\n", "\\n")
    name, unit = one.name, ""
    if openmetrics:
        text = text.replace('"', '\\"')
        unit = f"# UNIT {name} {unit_of(name)}\n" if unit_of(name) else ""
    elif kind == "counter":
        name = f"{name}_total"
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n{unit}"


def _shown(lines: list[str], exemplars: Mapping[int, Exemplar]) -> list[str]:
    """The buckets' lines with what stands behind some of them."""
    for bucket, exemplar in exemplars.items():
        lines[bucket] = f"{lines[bucket][:-1]}{exemplar.text}\n"
    return lines


def _pairs(one: Series, labels: Labels) -> list[str]:
    return [_pair(name, value) for name, value in zip(one.labels, labels, strict=True)]


def _pair(name: str, value: str) -> str:
    value = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'{name}="{value}"'


def _braces(pairs: list[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""
