"""Exemplars: beside a bucket or a count of failures, one request that is in it, for a closer look.

They are found when Prometheus asks, among the exposures that have come since it asked last: recording a
request costs nothing for it. Of the requests of one bucket the newest is shown.

An exemplar names its request (`request_id`: the short form, which the event log has as `request`, and which
nobody can report an outcome with) and, where the client sent a `traceparent`, its trace (`trace_id`): 74
characters of the 128 that OpenMetrics allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.channel import series
from gateway.channel.records import Exposure
from gateway.channel.series import Labels, Series

Place = tuple[str, Labels]
"""A series: the family's name and the label values."""


class Exemplar(NamedTuple):
    """What stands behind a sample; `time` in seconds since 1970."""

    time: float
    text: str


class Exemplars:
    """The newest exemplar of each bucket and of each count of failures; no more of them than of those."""

    def __init__(self) -> None:
        self._known: dict[Place, dict[int, Exemplar]] = {}

    def take(self, exposures: Iterable[Exposure]) -> None:
        """Takes in what has come since the last time, the newest first."""
        newest: dict[tuple[Place, int], tuple[Exposure, float]] = {}
        for exposure in exposures:
            for place, bucket, value in _placed(exposure):
                newest.setdefault((place, bucket), (exposure, value))
        for (place, bucket), (exposure, value) in newest.items():
            known = self._known.setdefault(place, {})
            before = known.get(bucket)
            # Workers report by turns: a later message may hold an earlier request.
            if before is None or before.time < exposure.time:
                known[bucket] = Exemplar(exposure.time, _text(exposure, value))

    def of(self, one: Series, labels: Labels) -> Mapping[int, Exemplar] | None:
        """Those of a histogram's buckets by number, of a counter as number 0; None: there are none."""
        return self._known.get((one.name, labels))


def _placed(exposure: Exposure) -> Iterator[tuple[Place, int, float]]:
    """The series that counted a request, its bucket there and its value."""
    labels = (exposure.route, exposure.segment, exposure.variant)
    duration, first_token = exposure.duration, exposure.first_token
    yield (series.REQUEST_DURATION.name, labels), bisect_left(series.SECONDS, duration), duration
    if first_token:
        yield (series.FIRST_TOKEN.name, labels), bisect_left(series.SECONDS, first_token), first_token
    if exposure.status != "ok":
        ended = (*labels, exposure.served, exposure.stratum, exposure.status)
        yield (series.REQUESTS.name, ended), 0, 1.0


def _text(exposure: Exposure, value: float) -> str:
    trace = f'trace_id="{exposure.trace.hex()}",' if exposure.trace else ""
    return f' # {{{trace}request_id="{exposure.nonce.hex()}"}} {value!r} {exposure.time:.3f}'
