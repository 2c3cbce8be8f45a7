"""The book: each rollout as this replica believes it to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.control.controller.wishes import Wish
from routing.evidence.cells import Evidence
from routing.rollout.document import Document
from routing.rollout.evaluate import Findings, find
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan
from routing.rollout.reading import Interval, intervals
from routing.rollout.verdict import Evaluation


class Look:
    """The last look at a rollout; `intervals` are refreshed less often.

    Most looks see what the last one has seen: what follows from that alone is not worked out again.
    """

    __slots__ = (
        "_findings", "_of", "_seen", "_shown", "evaluation", "intervals", "news", "observed", "taken",
    )  # fmt: skip

    def __init__(self) -> None:
        self.evaluation: Evaluation | None = None
        """None: not of how the rollout stands now."""
        self.observed: Observed | None = None
        self.intervals: Mapping[str, Interval] = {}
        self.taken = float("-inf")
        """When the intervals were refreshed, on the monotonic clock."""
        self.news = True
        """Whether evidence has come since."""
        self._of: tuple[Document, Wish] | None = None
        self._seen: tuple[Document, Plan, Evidence] | None = None
        self._findings: Findings | None = None
        self._shown: Findings | None = None

    def begin(self) -> None:
        """Somebody looks now."""
        self.news = False
        self._of = None

    def end(self, document: Document, wish: Wish) -> None:
        """What there is has been looked at."""
        self._of = document, wish

    def quiet(self, document: Document, wish: Wish) -> bool:
        """Whether nothing but time has passed."""
        return not self.news and self._of is not None and self._of[0] is document and self._of[1] is wish

    def moved(self, *, period: bool) -> None:
        """The rollout stands otherwise, in another `period` or in the same one: to be looked at at once."""
        self.evaluation = None
        self.taken = float("-inf")
        if period:
            self.intervals = {}

    def find(self, document: Document, plan: Plan, evidence: Evidence) -> Findings:
        """What the evidence says."""
        seen = document, plan, evidence
        if self._findings is None or self._seen != seen:
            self._findings = find(document, plan, evidence)
        self._seen = seen
        return self._findings

    def refresh(self, document: Document, plan: Plan, observed: Observed, findings: Findings) -> None:
        """Works the intervals out, unless the findings are those that they are of."""
        if self._shown is not findings:
            self._shown = findings
            self.intervals = intervals(document, observed, plan, self.evaluation)


class Book:
    """`wishes` are those of the configuration being served; `changed` is called when documents
    are others, `learnt` with each one and the one before it."""

    def __init__(
        self,
        documents: Mapping[str, Document],
        changed: Callable[[], None],
        learnt: Callable[[Document, Document | None], None],
    ) -> None:
        self.wishes: Mapping[str, Wish] = {}
        self.documents: dict[str, Document] = dict(documents)
        """Never replaced by an older one: a store that comes back empty, or older, is corrected."""
        self._looks: dict[str, Look] = {}
        self._changed = changed
        self._learnt = learnt
        self._unpublished = False

    def look(self, name: str) -> Look:
        """The last look at a rollout."""
        return self._looks.setdefault(name, Look())

    def believe(self, document: Document) -> None:
        """The store has this."""
        known = self.documents.get(document.name)
        if known == document:
            return
        self.documents[document.name] = document
        if known is None or known.epoch != document.epoch:
            self._looks.pop(document.name, None)
        elif _stand(known) != _stand(document):
            self.look(document.name).moved(period=known.period.number != document.period.number)
        self._unpublished = True
        self._learnt(document, known)

    def publish(self) -> None:
        """Has what was learnt brought to the workers, once for all of it."""
        if self._unpublished:
            self._unpublished = False
            self._changed()


def _stand(document: Document) -> tuple[object, ...]:
    """What a verdict is about, besides evidence and time."""
    return document.period.number, document.phase, document.phase_reason, document.stage
