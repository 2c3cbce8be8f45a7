"""Books: the evidence of simulated traffic, folded and counted as the control plane and the store do it."""

from __future__ import annotations

from routing.evidence.alone import End, Group, count_alone
from routing.evidence.cells import Evidence, evidence_of
from routing.evidence.ending import Ending, exposed
from routing.evidence.fact import P95, Fact, Request, UnitKey, reported
from routing.evidence.tally import Place, Tally
from routing.evidence.unit import Unit, fold
from routing.rollout.simulation.traffic import Sent, Told
from routing.snapshot import Rollout

NOBODY = Request(UnitKey(0, "none", 0), 0, b"", 0, 0, False)
"""Some request: what is reported of one without a score does not depend on which it is."""


class Books:
    """One epoch's units and cells; `depth` is K, `streamed` whether answers are streams."""

    def __init__(self, depth: int, *, streamed: bool = False) -> None:
        self._depth = depth
        self._streamed = streamed
        self._states: dict[UnitKey, Unit] = {}
        self._counts: dict[str, int] = {}
        self._tally = Tally()
        self._ends: dict[tuple[Place, bool, P95], list[End]] = {}
        self._marked: dict[Place, dict[int, int]] = {}
        self._marks: dict[Told, int] = {}
        self.evidence = Evidence({}, {}, {}, {})

    def expose(self, sent: Sent, rollout: Rollout, p95: P95) -> Request:
        """Takes in how a request ended, and tells what its id holds.

        Requests that are units by themselves are counted together with those that ended alike.
        """
        key = UnitKey(rollout.period, sent.compared, sent.unit)
        nonce = sent.number.to_bytes(12, "big")
        request = Request(key, sent.time, nonce, rollout.reference, sent.stratum, sent.candidate)
        if sent.alone:
            place = rollout.period, sent.compared, rollout.reference, sent.stratum, sent.candidate
            self._ends.setdefault((place, sent.own, p95), []).append(sent.end)
        else:
            attempts, duration, first, cost = sent.end
            ending = Ending(
                "ok", sent.own, attempts, duration, self._streamed, first, cost if cost >= 0 else None
            )
            self._fold(key, exposed(request, ending, p95))
        return request

    def report(self, request: Request, told: Told, *, alone: bool) -> None:
        """Takes in the outcome of a request."""
        passed, needs_review, score = told
        if alone and score is None:
            marks = self._marks.get(told)
            if marks is None:
                marks = self._marks[told] = reported(NOBODY, passed, needs_review).marks
            key = request.key
            place = key.period, key.compared, request.reference, request.stratum, request.candidate
            marked = self._marked.setdefault(place, {})
            marked[marks] = marked.get(marks, 0) + 1
            return
        fact = reported(request, passed, needs_review, score)
        if alone:
            self._tally.add(request.key.cohort, (fact,))
        else:
            self._fold(request.key, fact)

    def _fold(self, key: UnitKey, fact: Fact) -> None:
        before = self._states.get(key, ())
        after = fold(before, (fact,), self._depth)
        if after != before:
            self._states[key] = after
            self._tally.change(key.cohort, before, after)

    def close(self) -> Evidence:
        """The evidence with all that was taken in; the same object may come back, changed.

        Only what moved is read again, as far as each counter is read by itself.
        """
        counts = self._moved()
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

    def _moved(self) -> dict[str, int]:
        """By how much which counters move; begins anew."""
        tally = self._tally
        for (place, own, p95), ends in self._ends.items():
            count_alone(tally, Group(place, "ok", own, self._streamed, p95), ends)
        for place, marked in self._marked.items():
            tally.add_many(place, marked, (), {}, {})
        self._tally, self._ends, self._marked = Tally(), {}, {}
        return tally.counts()
