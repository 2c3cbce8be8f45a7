"""`make bench-rollout ARGS="--runs 100 --rows drift"`: every promise of the rollout engine, simulated.

Exit 1 when a figure is not what it has to be.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from random import Random
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from routing.rollout.simulation.summary import Estimate
from routing.rollout.simulation.trial import Trial, trial
from tests.bench_rollout.rows import ROWS, Figure, Row
from tests.bench_rollout.speed import Speed, speeds

CHUNK = 10


def main() -> int:
    """Runs the rows that were asked for."""
    parser = argparse.ArgumentParser(prog="make bench-rollout")
    parser.add_argument("--runs", type=int, default=1_000, help="a row")
    parser.add_argument("--rows", default="", help="only rows whose names contain this; `speed` for the last")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    rows = [row for row in ROWS if asked.rows in row.name]
    found = list(_simulated(rows, asked.runs, asked.workers)) if rows else []
    table = Table(
        "row", "figure", "found", "95 % interval", "to reach", "", title=f"{asked.runs:,} runs a row"
    )
    missed = 0
    for row, trials in found:
        for index, figure in enumerate(row.figures):
            estimate = figure.measure(trials)
            good = figure.reached(estimate)
            missed += not good
            name = f"{row.name}\n[dim]seeds {row.seed} +[/]" if index == 0 else ""
            table.add_row(
                name, figure.name, *_written(figure, estimate), _wanted(figure), "" if good else "✗"
            )
    if asked.rows in "speed":
        for speed in speeds():
            missed += not speed.reached
            table.add_row(*_timed(speed))
    console.print(table)
    return 1 if missed else 0


def _simulated(rows: list[Row], runs: int, workers: int) -> Iterator[tuple[Row, list[Trial]]]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress, ProcessPoolExecutor(workers) as pool:
        for row in rows:
            began = perf_counter()
            task = progress.add_task(row.name, total=runs)
            chunks = [range(start, min(start + CHUNK, runs)) for start in range(0, runs, CHUNK)]
            waiting = {pool.submit(_chunk, row.name, chunk): chunk for chunk in chunks}
            trials: dict[int, Trial] = {}
            for done in as_completed(waiting):
                trials |= zip(waiting[done], done.result(), strict=True)
                progress.advance(task, len(waiting[done]))
            progress.update(task, description=f"{row.name} ({perf_counter() - began:.0f} s)")
            found = [trials[run] for run in range(runs)]
            if not progress.console.is_terminal:
                told = [f"{figure.name} {_written(figure, figure.measure(found))}" for figure in row.figures]
                print(f"{row.name} ({perf_counter() - began:.0f} s):", *told, sep="\n  ", file=sys.stderr)
            yield row, found


def _chunk(name: str, runs: range) -> list[Trial]:
    """Some runs of a row, in another process; the row is looked up there, because lambdas do not travel."""
    row = next(row for row in ROWS if row.name == name)
    seeds = [row.seed + run for run in runs]
    return [
        trial(row.plan, row.scenario, Random(seed), seed, watch_interval=row.watch_interval) for seed in seeds
    ]


def _written(figure: Figure, found: Estimate) -> tuple[str, str]:
    if figure.percent:
        value, lower, upper = (f"{100 * each:.1f} %" for each in found)
    else:
        value, lower, upper = (f"{each:,.0f}" for each in found)
    return value, f"{lower} – {upper}"


def _wanted(figure: Figure) -> str:
    """What has to be reached."""
    if figure.at_most is None and figure.at_least is None:
        return ""
    sign, bound = ("≤", figure.at_most) if figure.at_most is not None else ("≥", figure.at_least)
    return f"{sign} {100 * bound:g} %" if figure.percent else f"{sign} {bound:,.0f}"


def _timed(speed: Speed) -> tuple[str, ...]:
    wanted = "" if speed.at_most is None else f"≤ {speed.at_most:g} ms"
    return (
        speed.name, "milliseconds", f"{speed.median:.2f}", f"{speed.quickest:.2f} – {speed.p95:.2f}", wanted,
        "" if speed.reached else "✗",
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
