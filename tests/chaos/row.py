"""A row of the table: a fault, what must be seen, and the figures that a run of it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.lab import Lab


class Skipped(Exception):
    """This machine cannot show the fault; the text says what is missing."""


@dataclass(frozen=True)
class Figure:
    """One measured value and its bound, if it has one; `detail` shows what broke it.

    `timed`: how fast the machine is has a say in it, so that the short form shows it and does not judge it.
    """

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""
    timed: bool = False

    @property
    def held(self) -> bool:
        """Whether the value keeps its bound."""
        if self.at_most is not None and not self.value <= self.at_most:
            return False
        return self.at_least is None or self.value >= self.at_least

    def text(self) -> str:
        """The figure for people, with its bound where that is not plainly none."""
        text = f"{self.name} {number(self.value)}{self.unit and ' ' + self.unit}"
        if self.at_least is not None:
            sign = "=" if self.at_least == self.at_most else "≥"
            return f"{text} ({sign} {number(self.at_least)})"
        return f"{text} (≤ {number(self.at_most)})" if self.at_most else text

    def unjudged(self) -> Figure:
        """The same without a bound."""
        return replace(self, at_most=None, at_least=None)


Figures = Sequence[Figure]


@dataclass(frozen=True)
class Row:
    """`fault` is what is done, `expected` what must be seen; `run` does it.

    `test` names the integration test that shows the same in the CI; the others run there in their short form.
    `asked`: run only where it is asked for by name, since it takes many minutes.
    """

    key: str
    fault: str
    expected: str
    run: Callable[[Lab], Figures]
    test: str = ""
    asked: bool = False


@dataclass(frozen=True)
class Finding:
    """What a run of a row found. `skipped` and `error` tell why there are no figures."""

    row: Row
    figures: Figures = ()
    seconds: float = 0.0
    skipped: str = ""
    error: str = ""

    @property
    def held(self) -> bool | None:
        """Whether every figure keeps its bound; None: it was skipped."""
        if self.skipped:
            return None
        return not self.error and all(figure.held for figure in self.figures)

    def measured(self) -> str:
        """The figures, or why there are none, in one line."""
        if self.skipped or self.error:
            return f"skipped: {self.skipped}" if self.skipped else f"error: {self.error}"
        return ", ".join(figure.text() for figure in self.figures)

    def verdict(self) -> str:
        """`held` in a word."""
        return {True: "held", False: "BROKEN", None: "skipped"}[self.held]

    def broken(self) -> list[str]:
        """A line for everything that is not as it must be."""
        lines = [f"{self.row.key}: {self.error}"] if self.error else []
        broken = [figure for figure in self.figures if not figure.held]
        return lines + [f"{self.row.key}: {figure.text()}: {figure.detail}" for figure in broken]


def none(name: str, cases: Sequence[object]) -> Figure:
    """A figure that counts what must not happen; the first cases are its detail."""
    return Figure(name, len(cases), at_most=0, detail="; ".join(str(case) for case in cases[:3]))


def number(value: float) -> str:
    """A number with as many digits as mean something."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"
