"""The models of difficulty that a configuration names: read from their files, the last good ones kept.

A file that is missing or damaged fails no start, no edit and no request: what was read well last serves on,
and before anything was, requests get their route's default. Whoever reads tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.problems import Problem
from config.schema import Config
from gateway.model_file import path_of, read_file
from routing.difficulty.estimate import Estimator, ModelEstimator
from routing.difficulty.model import ModelError
from routing.difficulty.score import Absent


@dataclass(frozen=True, slots=True)
class Estimators:
    """Estimators, and what is wrong with files: both by what `difficulty.estimate` says."""

    known: Mapping[str, Estimator] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def read(self, config: Config) -> Estimators:
        """Those that a configuration names, read anew; where that fails, the ones that are known."""
        known: dict[str, Estimator] = {}
        problems: dict[str, str] = {}
        for name in {route.difficulty.estimate for route in config.routes.values()} - {"none"}:
            try:
                known[name] = ModelEstimator(read_file(path_of(name)))
            except OSError as error:
                problems[name] = f"cannot be read: {error.strerror}"
            except ModelError as error:
                problems[name] = str(error)
            if name in problems:
                known[name] = self.known.get(name, Absent())
        return Estimators(known, problems)

    def stale(self, config: Config) -> dict[str, bool]:
        """Of each route that estimates, whether its model's file cannot be used as it is."""
        used = {name: route.difficulty.estimate for name, route in config.routes.items()}
        return {name: model in self.problems for name, model in used.items() if model in self.known}

    def faults(self, config: Config) -> list[Problem]:
        """What to tell of models that cannot be used as they are."""
        return [
            Problem(f"routes.{route}.difficulty.estimate", None, self._fault(written.difficulty.estimate))
            for route, written in config.routes.items()
            if written.difficulty.estimate in self.problems
        ]

    def _fault(self, name: str) -> str:
        absent = isinstance(self.known[name], Absent)
        serving = "requests get the route's `default`" if absent else "the last good one serves on"
        return f"the model {name} {self.problems[name]}; {serving}"
