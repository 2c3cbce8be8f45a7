"""Books: the evidence of simulated traffic, folded as a store folds it."""

from __future__ import annotations

from routing.evidence.alone import End, Group, count_alone
from routing.evidence.cells import Evidence, evidence_of
from routing.evidence.fact import Fact, UnitKey, exposed
from routing.evidence.tally import Tally
from routing.evidence.unit import Unit, fold
from routing.rollout.simulation.traffic import Sent


class Books:
    """One epoch's units and cells; `depth` is K."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._states: dict[UnitKey, Unit] = {}
        self._counts: dict[str, int] = {}
        self._tally = Tally()
        self._ends: dict[Group, list[End]] = {}
        self.evidence = Evidence({}, {}, {}, {})

    def expose(self, sent: Sent) -> None:
        """Takes in how a request ended; those that are units by themselves are counted by the dozen."""
        request, ending = sent.request, sent.ending
        if not sent.alone:
            self._fold(request.key, exposed(request, ending, sent.p95))
            return
        place = (
            request.key.period,
            request.key.compared,
            request.reference,
            request.stratum,
            request.candidate,
        )
        group = Group(place, ending.status, ending.own, ending.streamed, sent.p95)
        cost = -1.0 if ending.cost is None else ending.cost
        self._ends.setdefault(group, []).append((1, ending.duration, ending.first_token, cost))

    def report(self, sent: Sent) -> None:
        """Takes in the outcome of a request."""
        assert sent.outcome is not None
        if sent.alone:
            self._tally.add(sent.request.key, (sent.outcome,))
        else:
            self._fold(sent.request.key, sent.outcome)

    def _fold(self, key: UnitKey, fact: Fact) -> None:
        before = self._states.get(key, ())
        after = fold(before, (fact,), self._depth)
        if after != before:
            self._states[key] = after
            self._tally.add(key, after)
            self._tally.add(key, before, -1)

    def close(self) -> Evidence:
        """The evidence with all that was taken in; the same object may come back, changed.

        Only what moved is read again, as far as each counter is read by itself.
        """
        for group, ends in self._ends.items():
            count_alone(self._tally, group, ends)
        counts, self._tally, self._ends = self._tally.counts(), Tally(), {}
        if not counts:
            return self.evidence
        known = self._counts
        for name, count in counts.items():
            known[name] = known.get(name, 0) + count
        if any(".cost." in name for name in counts):
            self.evidence = evidence_of(known)  # squares are kept in two counters
            return self.evidence
        new = evidence_of({name: known[name] for name in counts})
        self.evidence.cells.update(new.cells)
        for gone in evidence_of({name: 1 for name in counts if not known[name]}).cells:
            self.evidence.cells.pop(gone, None)
        for kept, spreads in zip(self.evidence[2:], new[2:], strict=True):
            for side, spread in spreads.items():
                kept.setdefault(side, {}).update(spread)
        return self.evidence
