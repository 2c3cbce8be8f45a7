"""The fold of facts into a unit's state.

A unit's value, per metric, is the mean of its K earliest requests (time, then id) that have a value. Its
state is the set of those requests' facts, and it holds no more than can still matter:

- A request that has a value of a metric keeps it, so the set of requests with a value only grows. One that
  has dropped out of the K earliest of them never comes back, and what it said of that metric is forgotten.
- A request without a value need not be kept: what may come later brings the request id's content with it.
- The earliest request of all is kept for its stratum and reference; the earliest with a cost, a duration and
  a
  time to first token for those.

So the state is a function of the set of facts: the same whatever their order, however often they are
repeated, and however they were split over folds. That makes it a join-semilattice (Shapiro, Preguiça, Baquero
and Zawirski, *Conflict-free replicated data types*, SSS 2011) with `fold` as its join.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from routing.evidence.fact import Fact
from routing.evidence.metrics import MARKED, mark, split

Unit = tuple[Fact, ...]
"""A unit's facts, one a request, by (time, id); never empty."""

MOST = 3
"""The largest K."""

_FORGET = [mark(metric, 15) for metric in MARKED]


def fold(unit: Unit, facts: Sequence[Fact], depth: int = MOST) -> Unit:
    """The state of `unit` (empty: none yet) once `facts` are known; `depth` is K."""
    if len(facts) == 1:
        fact = facts[0]
        if not unit:
            return (fact,)
        if len(unit) < depth and (fact.time, fact.nonce) > (unit[-1].time, unit[-1].nonce):
            return _followed(unit, fact)
    known = {(fact.time, fact.nonce): fact for fact in unit}
    for fact in facts:
        place = (fact.time, fact.nonce)
        before = known.get(place)
        known[place] = fact if before is None else before.merged(fact)
    if len(known) == 1:
        return tuple(known.values())
    return _kept([known[place] for place in sorted(known)], depth)


def _followed(unit: Unit, fact: Fact) -> Unit:
    """The state once fewer than K requests are followed by a later one: nothing has to make room for it."""
    cost, duration, first_token = fact.cost, fact.duration, fact.first_token
    for earlier in unit:
        if earlier.cost is not None:
            cost = None
        if earlier.duration is not None:
            duration = None
        if earlier.first_token is not None:
            first_token = None
    told = (fact.marks, fact.score, cost, duration, first_token)
    if told == _NOTHING:
        return unit
    return (*unit, Fact(fact.time, fact.nonce, fact.reference, fact.stratum, fact.candidate, *told))


def _kept(facts: list[Fact], depth: int) -> Unit:
    """Of facts in order, all that can still matter."""
    marks_left = [depth] * len(MARKED)
    scores_left, cost_left, duration_left, first_token_left = depth, 1, 1, 1
    kept: list[Fact] = []
    for fact in facts:
        marks = fact.marks
        for index, bits in enumerate(split(marks)):
            if bits and marks_left[index]:
                marks_left[index] -= 1
            elif bits:
                marks &= ~_FORGET[index]
        score = fact.score if scores_left else None
        cost = fact.cost if cost_left else None
        duration = fact.duration if duration_left else None
        first_token = fact.first_token if first_token_left else None
        scores_left -= score is not None
        cost_left -= cost is not None
        duration_left -= duration is not None
        first_token_left -= first_token is not None
        told = (marks, score, cost, duration, first_token)
        if told == (fact.marks, fact.score, fact.cost, fact.duration, fact.first_token):
            if not kept or told != _NOTHING:
                kept.append(fact)
        elif not kept or told != _NOTHING:
            kept.append(Fact(fact.time, fact.nonce, fact.reference, fact.stratum, fact.candidate, *told))
    return tuple(kept)


_NOTHING = (0, None, None, None, None)

encode = msgspec.msgpack.Encoder().encode
"""A unit's state as msgpack."""
decode = msgspec.msgpack.Decoder(Unit).decode
"""Raises msgspec.DecodeError."""
