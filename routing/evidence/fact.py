"""Facts: what is known of one request. Everything is a fact: an exposure, an outcome, an outcome alone.

A fact begins with what the request id holds, so that an outcome whose exposure was lost, or has not come yet,
brings all that is needed to count it. Facts of one request merge in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from routing.decision import COMPARED
from routing.evidence.metrics import GOOD_BY_DEFAULT, judged, mark, merged_score
from routing.request_id import Identity

MICRO = 1_000_000


class Cohort(NamedTuple):
    """The units of a period that stand in the same way in the comparison, or outside it.

    `compared` is a word of `routing.decision.COMPARED`. The requests of a unit that stand outside the
    comparison are a unit of their own: shown, and never tested.
    """

    period: int
    compared: str


class UnitKey(NamedTuple):
    """A unit within a rollout's epoch: its hash within its cohort."""

    period: int
    compared: str
    unit: int

    @property
    def cohort(self) -> Cohort:
        """Those that it is counted with."""
        return Cohort(self.period, self.compared)


class Request(NamedTuple):
    """What a request id says of a request in a rollout; `time` in milliseconds since 1970."""

    key: UnitKey
    time: int
    nonce: bytes
    reference: int
    stratum: int
    candidate: bool


class Fact(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is known of one request, as its unit keeps it.

    `marks` and `score` as in `routing.evidence.metrics`; `cost` in micro-USD, `duration` and `first_token` in
    bands; None: not known.
    """

    time: int
    nonce: bytes
    reference: int
    stratum: int
    candidate: bool
    marks: int = 0
    score: float | None = None
    cost: int | None = None
    duration: int | None = None
    first_token: int | None = None

    def merged(self, other: Fact) -> Fact:
        """What two facts of the same request say together.

        The id's content is the same in both; were it not, the order would still not matter.
        """
        reference, stratum, candidate = min(
            (self.reference, self.stratum, self.candidate), (other.reference, other.stratum, other.candidate)
        )
        return Fact(
            self.time, self.nonce, reference, stratum, candidate, self.marks | other.marks,
            merged_score(self.score, other.score), _larger(self.cost, other.cost),
            _larger(self.duration, other.duration), _larger(self.first_token, other.first_token),
        )  # fmt: skip


Facts = dict[Cohort, dict[int, list[Fact]]]
"""Facts by their unit's hash, by cohort."""


def by_unit(facts: Iterable[tuple[UnitKey, Fact]]) -> Facts:
    """Facts grouped by their unit."""
    groups: Facts = {}
    for key, fact in facts:
        groups.setdefault(key.cohort, {}).setdefault(key.unit, []).append(fact)
    return groups


def _larger(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


class P95(NamedTuple):
    """The baseline's 95th percentiles, in seconds, frozen for a reference; None: not known, not tested."""

    duration: float | None = None
    first_token: float | None = None


def request_of(identity: Identity, nonce: bytes, candidate: int) -> Request:
    """The request of an id; `candidate` is the name hash of the rollout's candidate in that epoch."""
    key = UnitKey(identity.period, COMPARED[identity.compared], identity.unit)
    on_candidate = identity.variant == candidate
    return Request(key, identity.time, nonce, identity.reference, identity.stratum, on_candidate)


def reported(
    request: Request,
    passed: bool | None = None,
    needs_review: bool | None = None,
    score: float | None = None,
    *,
    by_application: bool = True,
) -> Fact:
    """What an outcome says. `passed` is given only from the source whose `validation_passed` counts.

    An application's report without `needs_review` means that none was needed, unless another report of
    the same request says otherwise.
    """
    marks = mark("needs_review", GOOD_BY_DEFAULT) if by_application else 0
    if passed is not None:
        marks |= judged("validation_passed", not passed)
    if needs_review is not None:
        marks |= judged("needs_review", needs_review)
    return Fact(*request[1:], marks=marks, score=None if score is None else float(score))
