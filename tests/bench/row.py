"""The rows of the table: which figure of which scenario, against whom, and what has to be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.scenario import Reading

Readings = Mapping[tuple[str, str], Sequence[Reading]]
"""(scenario, contestant) → one reading a round."""


@dataclass(frozen=True)
class Goal:
    """What has to be reached: the ratio to the other contestant, or the value itself."""

    limit: float
    ratio: bool = False
    at_most: bool = True

    def text(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.limit:.3g}{' ×' if self.ratio else ''}"

    def reached(self, value: float, ratio: float | None) -> bool:
        judged = ratio if self.ratio else value
        if judged is None:
            return False
        return judged <= self.limit if self.at_most else judged >= self.limit


@dataclass(frozen=True)
class Row:
    """One line. `added`: what `direct` has in the same round is taken off first."""

    key: str
    title: str
    scenario: str
    figure: str
    goal: Goal | None = None
    added: bool = False
    contestant: str = "headgate"
    against: str = "nginx"


NGINX = 12.6
"""CPU µs that a request costs nginx on the machine for which the goals of 45 and 55 µs were set."""

ROWS = [
    Row("rate-1", "requests/s, 1 connection", "one", "rate"),
    Row("rate-32", "requests/s, 32 connections", "closed", "rate", Goal(0.30, ratio=True, at_most=False)),
    Row("rate-64", "requests/s, 64 connections", "wide", "rate"),
    Row("cpu-workers", "CPU µs a request, workers", "closed", "cpu_request_workers", Goal(45 / NGINX, True)),
    Row("cpu-all", "CPU µs a request, all processes", "closed", "cpu_request", Goal(55 / NGINX, True)),
    Row("rate-new", "requests/s, 32 connections, users' first requests", "new", "rate"),
    Row("cpu-new", "CPU µs a request, all processes, users' first requests", "new", "cpu_request"),
    Row("added-p50", "added p50 µs at 1,000/s", "fixed", "p50", Goal(1.3, ratio=True), added=True),
    Row("added-p99", "added p99 µs at 1,000/s", "fixed", "p99", Goal(1.6, ratio=True), added=True),
    Row("slow", "requests/s, 50 ms upstream, 256 connections", "slow", "rate", Goal(0.99, True, False)),
    Row("chunks", "chunks/s, 8 streams, saturated", "saturated", "event_rate", Goal(1.0, True, False)),
    Row("cpu-stream", "CPU µs a stream, saturated", "saturated", "cpu_request"),
    Row("cpu-chunk", "CPU µs a chunk, paced", "paced", "cpu_event", Goal(35)),
    Row("first-token", "added time to first token µs", "first", "first_p50", Goal(1.5, True), added=True),
    Row("recorded", "% of all requests recorded", "recorded", "share", Goal(100, at_most=False)),
    Row("memory", "resident MB, a worker", "memory", "worker", Goal(60)),
    Row("memory-control", "resident MB, control plane", "memory", "control plane"),
    Row("memory-supervisor", "resident MB, supervisor", "memory", "supervisor"),
    Row("ready", "seconds from spawn to ready", "ready", "ready", Goal(1.0)),
    Row(
        "two-cpu",
        "CPU µs a request, two workers (× one worker)",
        "two",
        "cpu_request_workers",
        Goal(1.10, ratio=True),
        contestant="headgate, two workers",
        against="headgate, one worker",
    ),
    Row(
        "two-share",
        "% served by the less busy of two workers",
        "two",
        "least_share",
        Goal(40, at_most=False),
        contestant="headgate, two workers",
        against="",
    ),
    *(
        Row(
            key,
            title,
            "gemini",
            figure,
            Goal(1.10, True),
            contestant="headgate, Gemini natively",
            against="litellm",
        )
        for key, title, figure in (
            ("gemini-cpu", "CPU µs a request, Gemini natively (× litellm's acompletion)", "cpu_request"),
            ("gemini-time", "µs a request, Gemini natively, one at a time (×)", "time_request"),
            ("gemini-stream", "CPU µs a stream, Gemini natively (×)", "cpu_stream"),
        )
    ),
]


@dataclass(frozen=True)
class Line:
    """A row's figures: medians over the rounds; the ratio is the median of the rounds' ratios."""

    row: Row
    direct: float | None
    nginx: float | None
    headgate: float | None
    ratio: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None: there is none, or nothing to judge."""
        if self.row.goal is None or self.headgate is None:
            return None
        return self.row.goal.reached(self.headgate, self.ratio)


def line(row: Row, readings: Readings) -> Line:
    """What the readings say of a row."""
    base = _values(row, "direct", readings)
    offset = base if row.added else []
    ours = _less(_values(row, row.contestant, readings), offset)
    theirs = _less(_values(row, row.against, readings), offset)
    ratios = [our / their for our, their in zip(ours, theirs, strict=False) if their > 0]
    return Line(
        row,
        median(base) if base else None,
        median(theirs) if theirs and row.against == "nginx" else None,
        median(ours) if ours else None,
        median(ratios) if ratios else None,
    )


def _values(row: Row, contestant: str, readings: Readings) -> list[float]:
    return [
        reading[row.figure]
        for reading in readings.get((row.scenario, contestant), ())
        if row.figure in reading
    ]


def _less(values: list[float], offset: list[float]) -> list[float]:
    if not offset:
        return values
    return [value - base for value, base in zip(values, offset, strict=False)]
