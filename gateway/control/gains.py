"""The thresholds of `gain` conditions, kept over what requests really come.

Every exposure that was estimated brings its figure. Of each route and task a rolling sample of them is kept,
and from it the threshold above which the wanted share lies; workers are told when it has moved. A sample
begins with the figures of the model's training, and again with another model.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from gateway.channel.link import Kind, Link
from gateway.channel.records import Exposure, Line
from gateway.channel.thresholds import encode
from routing.difficulty.estimate import Estimator
from routing.difficulty.quantile import SIZE, RollingSample
from routing.difficulty.thresholds import Told, sample_of
from routing.snapshot import BASIS_POINTS, Snapshot

SILENCE = 3.0
"""Seconds after which a worker that says nothing is taken for dead; a living one speaks every second."""
ENOUGH = 50
"""Figures of a task from which on it can be said whether it has drifted."""


class Drift(NamedTuple):
    """How far a task's recent figures are from those of the model's training.

    The largest distance between the two distributions (Kolmogorov and Smirnov's): 0 the same, 1 disjoint.
    """

    route: str
    task: str
    distance: float


@dataclass(slots=True)
class _Task:
    """One task of a route: `recent` figures, and the sample that thresholds come of."""

    expected: list[float]
    sample: RollingSample
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=SIZE))


class _Route:
    """What is kept of one route with an estimator."""

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator
        self.tops: tuple[int, ...] = ()
        self.tasks: dict[str, _Task] = {}
        self.thresholds: dict[tuple[str, int], float] = {}
        self.fresh: set[str] = set()

    def follow(self, tops: tuple[int, ...]) -> None:
        """The route's conditions ask for these shares from now on."""
        self.tops = tops
        self.thresholds = {place: its for place, its in self.thresholds.items() if place[1] in tops}

    def add(self, exposures: Sequence[Exposure]) -> None:
        """Takes the figures of exposures."""
        for exposure in exposures:
            name = exposure.task
            if not name:
                continue
            task = self.tasks.get(name)
            if task is None:
                expected = self.estimator.expected(name)
                task = self.tasks[name] = _Task(expected, sample_of(self.estimator, name))
                for top in self.tops:
                    task.sample.threshold(top / BASIS_POINTS)  # what workers begin with
            task.sample.add(exposure.figure)
            task.recent.append(exposure.figure)
            self.fresh.add(name)

    def refresh(self) -> bool:
        """Works out the thresholds of tasks that have come; whether any has moved."""
        moved = False
        for name in self.fresh:
            for top in self.tops:
                threshold = self.tasks[name].sample.threshold(top / BASIS_POINTS)
                if threshold is not None and self.thresholds.get((name, top)) != threshold:
                    self.thresholds[name, top] = threshold
                    moved = True
        self.fresh.clear()
        return moved


class Gains:
    """Keeps thresholds; `adjust` is told of new ones, for the control plane's own snapshot."""

    def __init__(self, adjust: Callable[[Told], None]) -> None:
        self._adjust = adjust
        self._routes: dict[str, _Route] = {}
        self._heard: dict[Link, float] = {}

    @property
    def told(self) -> Told:
        """The thresholds that have been worked out so far."""
        return {
            name: (route.estimator.hash, route.thresholds)
            for name, route in self._routes.items()
            if route.thresholds
        }

    def take(self, snapshot: Snapshot) -> None:
        """Follows a snapshot: a route that keeps its estimator keeps its samples."""
        before, self._routes = self._routes, {}
        for name, route in snapshot.routes.items():
            estimator = route.difficulty.estimator
            if estimator is not None:
                known = before.get(name)
                if known is None or known.estimator.hash != estimator.hash:
                    known = _Route(estimator)
                known.follow(route.difficulty.gains)
                self._routes[name] = known

    def add(self, line: Line, exposures: Sequence[Exposure]) -> None:
        """Requests have ended."""
        route = self._routes.get(line.route)
        if route is not None:
            route.add(exposures)

    def heard(self, worker: Link) -> None:
        """A worker lives; one that is new is told what there is."""
        now = monotonic()
        before, self._heard[worker] = self._heard.get(worker), now
        if (before is None or before < now - SILENCE) and (told := self.told):
            worker.try_send(Kind.THRESHOLDS, encode(told))

    def look(self) -> None:
        """Tells workers of thresholds that have moved by what has come.

        With every message that brings figures: what is sent too much or too little until workers know has to
        be paid back.
        """
        moved = [name for name, route in self._routes.items() if route.fresh and route.refresh()]
        if not moved:
            return
        told = {name: its for name, its in self.told.items() if name in moved}
        self._adjust(told)
        message, since = encode(told), monotonic() - SILENCE
        for worker, heard in self._heard.items():
            if heard >= since:
                worker.try_send(Kind.THRESHOLDS, message)

    def drifts(self) -> Iterator[Drift]:
        """How far tasks have drifted, of which enough has come."""
        for name, route in self._routes.items():
            for label, task in route.tasks.items():
                if len(task.recent) >= ENOUGH and task.expected:
                    yield Drift(name, label, _distance(sorted(task.recent), task.expected))


def _distance(ones: list[float], others: list[float]) -> float:
    """The largest distance between the distribution functions of two rising samples."""
    return max(
        abs(find(ones, place) / len(ones) - find(others, place) / len(others))
        for place in {*ones, *others}
        for find in (bisect_left, bisect_right)
    )
