"""Requests that are units by themselves: most of them are counted without being remembered one by one.

A request without a sticky key is a unit of one. What its exposure says (errors, durations, cost) nobody says
again, and what its outcomes say (validation, review, score) its exposure does not. So the two are counted
apart: the exposure as soon as it is known, and only a request of which an outcome is reported needs a state
in the store. The exception is one that ended without an answer: it fails validation unless an outcome says
otherwise, so that the two have to meet in a state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from routing.evidence.ending import UNANSWERED, judgement
from routing.evidence.fact import MICRO, P95
from routing.evidence.metrics import band
from routing.evidence.tally import Place, Tally


class Group(NamedTuple):
    """Requests that are counted together.

    `status` and `own` (the assigned variant is the one that served) as in `routing.evidence.ending.Ending`;
    `p95` is that of their reference.
    """

    place: Place
    status: str
    own: bool
    streamed: bool
    p95: P95

    @property
    def apart(self) -> bool:
        """Whether their exposures can be counted apart from their outcomes."""
        return self.status not in UNANSWERED


End = tuple[int, float, float, float]
"""Attempts, duration and time to first token in seconds, cost in USD (negative: unknown)."""


def count_alone(tally: Tally, group: Group, ends: Iterable[End]) -> None:
    """Adds one request, which is one unit, for each of `ends`."""
    _, status, own, streamed, p95 = group
    marked: dict[int, int] = {}
    durations: dict[int, int] = {}
    first_tokens: dict[int, int] = {}
    costs: list[int] = []
    slow = late = None
    for attempts, duration, first_token, cost in ends:
        if p95.duration is not None:
            slow = duration > p95.duration
        if streamed and p95.first_token is not None:
            late = first_token > p95.first_token
        marks, good = judgement(status, own, attempts > 0, slow, late)
        marked[marks] = marked.get(marks, 0) + 1
        if good:
            longest = band(duration)
            durations[longest] = durations.get(longest, 0) + 1
            if streamed:
                longest = band(first_token)
                first_tokens[longest] = first_tokens.get(longest, 0) + 1
        if cost >= 0:
            costs.append(round(cost * MICRO))
    tally.add_many(group.place, marked, costs, durations, first_tokens)
