"""Runs: every case many times, on all processors."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.simulate.question import Question
from routing.rollout.plan import Plan
from routing.rollout.simulation.scenario import Scenario
from routing.rollout.simulation.trial import Trial, trial

APART = 1_000_000
"""Between the first seeds of two cases: run j of case i has the seed `seed` + i·APART + j."""
_SHARES = 20
"""Pieces of work a processor and case: few make the progress coarse, many are sent about much."""


def simulate(question: Question, runs: int, seed: int, processors: int) -> list[list[Trial]]:
    """The trials of each case. They depend on the seed alone, not on who runs them."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    # Begun anew, not forked: a fork beside the thread that draws the progress may deadlock.
    pool = ProcessPoolExecutor(processors, get_context("spawn"), initializer=_quietly)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        try:
            tasks = [progress.add_task(case.name, total=runs) for case in question.cases]
            found: list[dict[int, Trial]] = [{} for _ in question.cases]
            waiting = {
                pool.submit(_some, question.plan, case.scenario, seed + at * APART, chunk): (at, chunk)
                for at, case in enumerate(question.cases)
                for chunk in _chunks(runs, processors)
            }
            for done in as_completed(waiting):
                at, chunk = waiting[done]
                found[at].update(zip(chunk, done.result(), strict=True))
                progress.advance(tasks[at], len(chunk))
        finally:
            pool.shutdown(cancel_futures=True)
    return [[trials[run] for run in range(runs)] for trials in found]


def _chunks(runs: int, processors: int) -> Iterator[range]:
    size = max(1, runs // (processors * _SHARES))
    yield from (range(start, min(start + size, runs)) for start in range(0, runs, size))


def _some(plan: Plan, scenario: Scenario, seed: int, runs: Sequence[int]) -> list[Trial]:
    return [trial(plan, scenario, Random(seed + run), seed + run) for run in runs]


def _quietly() -> None:
    """Ctrl-C is for the process that the person has started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
