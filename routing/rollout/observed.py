"""Observed: all that is known at a look, besides the document and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from routing.evidence.cells import Evidence

NO_EVIDENCE = Evidence({}, {}, {}, {})


class Answer(NamedTuple):
    """What Prometheus said at `time` (ms since 1970); None: no data, or no answer."""

    time: int
    value: float | None


class Recent(NamedTuple):
    """The newest requests of a variant: how many there are, and how many of them failed."""

    requests: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """`evidence` is that of the document's epoch.

    `queries` has the answers to each PromQL guardrail by name, the oldest first, at least the last three.
    `baseline` are the baseline's last 20 requests, none older than five minutes; `largest` the largest share
    of the segment's traffic that one sticky key has, 0 … 1.
    """

    evidence: Evidence = NO_EVIDENCE
    queries: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    baseline: Recent = Recent()
    largest: float = 0.0


NOTHING = Observed()
