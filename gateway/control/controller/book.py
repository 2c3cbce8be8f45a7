"""The book: each rollout as this replica believes it to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.control.controller.wishes import Wish
from routing.rollout.document import Document
from routing.rollout.observed import Observed
from routing.rollout.reading import Interval
from routing.rollout.verdict import Evaluation


class Look:
    """The last look at a rollout; `intervals` are refreshed less often."""

    __slots__ = ("evaluation", "intervals", "observed", "taken")

    def __init__(self) -> None:
        self.evaluation: Evaluation | None = None
        self.observed: Observed | None = None
        self.intervals: Mapping[str, Interval] = {}
        self.taken = float("-inf")
        """When the intervals were computed, on the monotonic clock."""


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
        if known is None or (known.epoch, known.period.number) != (document.epoch, document.period.number):
            self._looks.pop(document.name, None)
        self._unpublished = True
        self._learnt(document, known)

    def publish(self) -> None:
        """Has what was learnt brought to the workers, once for all of it."""
        if self._unpublished:
            self._unpublished = False
            self._changed()
