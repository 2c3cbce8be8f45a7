"""Exemplars: beside a bucket or a count of failures, one request that is in it, for a closer look.

They are found when Prometheus asks, among the exposures that have come since it asked last: recording a
request costs nothing for it. Of the requests of one bucket the newest is shown.

An exemplar names its request (`request_id`: the short form, which the event log has as `request`, and which
nobody can report an outcome with) and, where the client sent a `traceparent`, its trace (`trace_id`): 74
characters of the 128 that OpenMetrics allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.channel import series
from gateway.channel.records import Exposure, Line
from gateway.channel.series import Labels, Series

Place = tuple[str, Labels]
"""A series: the family's name and the label values."""
_Bucket = tuple[str, str, str, int]
"""Route, segment, variant; the bucket's number."""


class Exemplar(NamedTuple):
    """What stands behind a sample; `time` in seconds since 1970."""

    time: float
    text: str


class Exemplars:
    """The newest exemplar of each bucket and of each count of failures; no more of them than of those."""

    def __init__(self) -> None:
        self._known: dict[Place, dict[int, Exemplar]] = {}

    def take(self, exposures: Iterable[tuple[Line, Exposure]]) -> None:
        """Takes in what has come since the last time, the newest first: maybe thousands."""
        lasted: dict[_Bucket, Exposure] = {}
        began: dict[_Bucket, Exposure] = {}
        failed: dict[Labels, Exposure] = {}
        bounds = series.SECONDS
        for line, one in exposures:
            route, segment, variant, first = line.route, line.segment, line.variant, one.first_token
            bucket = route, segment, variant, bisect_left(bounds, one.duration)
            if bucket not in lasted:
                lasted[bucket] = one
            if first:
                began.setdefault((route, segment, variant, bisect_left(bounds, first)), one)
            if line.status != "ok":
                failed.setdefault((route, segment, variant, line.served, line.stratum, line.status), one)
        for (*labels, number), one in lasted.items():
            self._take((series.REQUEST_DURATION.name, tuple(labels)), number, one, one.duration)
        for (*labels, number), one in began.items():
            self._take((series.FIRST_TOKEN.name, tuple(labels)), number, one, one.first_token)
        for ended, one in failed.items():
            self._take((series.REQUESTS.name, ended), 0, one, 1.0)

    def _take(self, place: Place, number: int, exposure: Exposure, value: float) -> None:
        known = self._known.setdefault(place, {})
        before = known.get(number)
        # Workers report by turns: a later message may hold an earlier request.
        if before is None or before.time < exposure.time:
            known[number] = Exemplar(exposure.time, _text(exposure, value))

    def of(self, one: Series, labels: Labels) -> Mapping[int, Exemplar] | None:
        """Those of a histogram's buckets by number, of a counter as number 0; None: there are none."""
        return self._known.get((one.name, labels))


def _text(exposure: Exposure, value: float) -> str:
    trace = f'trace_id="{exposure.trace.hex()}",' if exposure.trace else ""
    return f' # {{{trace}request_id="{exposure.nonce.hex()}"}} {value!r} {exposure.time:.3f}'
