"""The metrics that units are compared by, and how much of each one request has told.

A request's word on a metric is four bits, its *mark*: said good, said bad, good by default, bad by default.
Two marks merge by *or*, so that reports may come in any order and any number of times. A mark says

    bad    if anyone said bad, so that a contradiction counts as failed whichever came first
    good   else, if anyone said good
    bad    else, by default: of a request that ended without an answer
    good   else, by default: a report without `needs_review` means that none was asked for

and an empty mark says nothing. The marks of a request are one integer, four bits a metric. `score` alone is
no mark but a number, of which bad is 1 - score.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log

MARKED = ("validation_passed", "needs_review", "errors", "latency_p95", "time_to_first_token_p95")
"""Metrics of which a request is good or bad, in the order of their bits."""
SCORE = "score"
METRICS = (*MARKED, SCORE)
"""Every metric that has cells."""

GOOD, BAD, GOOD_BY_DEFAULT, BAD_BY_DEFAULT = 1, 2, 4, 8
_BITS = 4
_MARK = (1 << _BITS) - 1
_SHIFTS = {metric: _BITS * index for index, metric in enumerate(MARKED)}

WHOLE = 20
"""How bad a request can be, in twentieths: bad shares are integers, so that sums are exact in any order."""
CONFLICT = -1.0
"""In place of a score: two reports disagree."""


def mark(metric: str, bits: int) -> int:
    """`bits` at the place of `metric`."""
    return bits << _SHIFTS[metric]


def judged(metric: str, bad: bool) -> int:
    """The mark of somebody who said good or bad."""
    return mark(metric, BAD if bad else GOOD)


@lru_cache(maxsize=4096)
def split(marks: int) -> tuple[int, ...]:
    """One mark a metric, in the order of MARKED."""
    return tuple([marks >> shift & _MARK for shift in _SHIFTS.values()])


def is_bad(bits: int) -> bool:
    """What a mark that is not empty says."""
    return bool(bits & BAD) or bits & (GOOD | BAD_BY_DEFAULT) == BAD_BY_DEFAULT


def score_badness(score: float) -> int:
    """1 - score in twentieths, rounded to the nearest (half up); a contradiction is wholly bad."""
    return WHOLE if score < 0 else int(WHOLE * (1 - score) + 0.5)


def merged_score(one: float | None, other: float | None) -> float | None:
    """The score of which two reports tell; two values are a contradiction, and stay one."""
    if one is None or other is None:
        return other if one is None else one
    return one if one == other else CONFLICT


SHORTEST = 0.001
STEP = 1.02
"""Durations are counted in bands, each 2 % longer than the one before: a quantile is read to 2 %."""
_LOG_STEP = log(STEP)


def band(seconds: float) -> int:
    """The band of a duration: the smallest b with seconds <= 0.001 · 1.02^b, at least 0."""
    return 0 if seconds <= SHORTEST else ceil(log(seconds / SHORTEST) / _LOG_STEP)


def longest(band: int) -> float:
    """The longest duration of a band, in seconds."""
    return float(SHORTEST * STEP**band)
