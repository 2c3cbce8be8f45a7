"""Estimators: whatever makes a score of a text, behind one small interface.

An estimate never raises and never takes long: it reads a bounded part of the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from routing.difficulty.gate import OTHER, TASKS
from routing.difficulty.head import Contribution
from routing.difficulty.model import Model, Scale
from routing.difficulty.reading import Reading, read
from routing.difficulty.text import is_blank, text_of

NO_TEXT = "no_text"
FAILED = "failed"


class Estimate(NamedTuple):
    """A text's task and its score on the estimator's own scale; None with the reason why there is none."""

    task: str
    score: float | None
    reason: str = ""


class Estimator(Protocol):
    """What a route's difficulty asks of an estimator. Hashable by content, and it travels by pickle."""

    @property
    def scale(self) -> Scale:
        """What its scores mean."""
        ...

    @property
    def target(self) -> str:
        """`rating`, or `gain`: how much better the stronger variant is expected to do."""
        ...

    @property
    def hash(self) -> str:
        """What tells it from others."""
        ...

    def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """The estimate of a request's body."""
        ...

    def contributions(self, body: Mapping[str, Any]) -> list[Contribution]:
        """What makes up the score of the same body; the values sum to it."""
        ...

    def expected(self, task: str) -> list[float]:
        """Scores to expect of a task's texts, rising, until some have been seen."""
        ...


@dataclass(frozen=True, slots=True)
class ModelEstimator:
    """Judges by a model file."""

    model: Model

    @property
    def scale(self) -> Scale:
        """The model's."""
        return self.model.scale

    @property
    def target(self) -> str:
        """The model's."""
        return self.model.target

    @property
    def hash(self) -> str:
        """The model's."""
        return self.model.hash

    def estimate(self, body: Mapping[str, Any]) -> Estimate:
        """The estimate of a request's body."""
        try:
            text = text_of(body)
            if is_blank(text):
                return Estimate("", None, NO_TEXT)
            task, reading = self._judged(text)
            return Estimate(task, self.model.head(task).score(reading))
        except Exception:  # whatever a client can write, it must not fail the request
            return Estimate("", None, FAILED)

    def contributions(self, body: Mapping[str, Any]) -> list[Contribution]:
        """What makes up the score of the same body."""
        text = text_of(body)
        if is_blank(text):
            return []
        task, reading = self._judged(text)
        return self.model.head(task).contributions(reading)

    def expected(self, task: str) -> list[float]:
        """Those of training."""
        return self.model.quantiles(task)

    def _judged(self, text: str) -> tuple[str, Reading]:
        """The task of a text, and what the task's head weighs."""
        reading, gate = read(text), self.model.gate
        task = TASKS[OTHER if gate is None else gate.task(reading)]
        return task, reading.hashed() if self.model.file.tokens == "crc32" else reading
