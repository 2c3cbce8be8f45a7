"""Books: the evidence of simulated traffic, folded as a store folds it."""

from __future__ import annotations

from routing.evidence.cells import Evidence, evidence_of
from routing.evidence.fact import Fact, UnitKey
from routing.evidence.tally import Tally
from routing.evidence.unit import Unit, fold


class Books:
    """One epoch's units and cells; `depth` is K."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._states: dict[UnitKey, Unit] = {}
        self._counts: dict[str, int] = {}
        self._tally = Tally()
        self.evidence = Evidence({}, {}, {}, {})

    def take(self, key: UnitKey, fact: Fact, *, alone: bool) -> None:
        """Takes in a fact; of a request that is a unit by itself, exposure and outcome are counted apart."""
        if alone:
            self._tally.add(key, (fact,))
            return
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
        counts, self._tally = self._tally.counts(), Tally()
        if not counts:
            return self.evidence
        known, partly = self._counts, True
        for name, count in counts.items():
            known[name] = total = known.get(name, 0) + count
            partly = partly and total > 0 and ".cost." not in name
        if not partly:
            self.evidence = evidence_of(known)
            return self.evidence
        new = evidence_of({name: known[name] for name in counts})
        self.evidence.cells.update(new.cells)
        for kept, spreads in zip(self.evidence[2:], new[2:], strict=True):
            for side, spread in spreads.items():
                kept.setdefault(side, {}).update(spread)
        return self.evidence
