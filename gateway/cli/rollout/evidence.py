"""Evidence: what each guardrail has found, and how far it is from deciding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from gateway.cli.rollout.admin import Reading
from gateway.cli.rollout.words import (
    METRICS,
    UNKNOWN,
    VERDICTS,
    count,
    duration,
    evidence,
    percent,
    points,
    usd,
)

_LONGEST = 24
"""Columns of a bar at most."""
_INDENT = "  "
_GAP = "   "
LEGEND = "Bars: evidence on a log scale from 1. Intervals: 95 %, valid at any time."


class Guardrails:
    """Every guardrail of a reading, in blocks of a few lines that fit the width.

    `pace`: compared units a second by metric, as far as known.
    """

    def __init__(self, reading: Reading, pace: Mapping[str, float]) -> None:
        self._reading = reading
        self._pace = pace

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        guardrails = self._reading["guardrails"]
        if not guardrails:
            yield Text("no guardrail has been looked at yet", style="dim")
            return
        for guardrail in guardrails:
            yield from self._block(guardrail, options.max_width)
        if any(guardrail.get("evidence") for guardrail in guardrails):
            yield Text(LEGEND, style="dim")

    def _block(self, guardrail: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
        yield _title(guardrail, width)
        for line in self._parts(guardrail, width):
            yield from _packed(line, width)
        said = self._reading["verdict"]["reasons"]
        if self._reading["phase"] == "baking" and guardrail["verdict"] != "fail":
            return  # what the stages need is no matter any more
        for reason in guardrail.get("reasons") or ():
            if reason not in said:
                yield from _packed([Text(reason, style="yellow")], width)

    def _parts(self, guardrail: Mapping[str, Any], width: int) -> list[list[Text]]:
        """Lines, each of parts that go side by side as far as they fit."""
        if guardrail.get("evidence"):
            if not any(side.get("n") for _, side in self._sides(guardrail)):
                return [[Text("no unit yet", style="dim"), *self._to_go(guardrail)]]
            return [
                [*self._groups(guardrail), *_difference(guardrail)],
                [*self._tests(guardrail["evidence"], width), *self._passed(guardrail)],
                [*self._to_go(guardrail), *_coverage(guardrail)],
                _tipping(guardrail),
            ]
        if guardrail.get("ratio"):
            return [self._spending(guardrail), _ratio(guardrail["ratio"])]
        return [_value(guardrail)]

    def _sides(self, guardrail: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for side in ("baseline", "candidate"):
            yield str(self._reading[side]), guardrail.get(side) or {}

    def _groups(self, guardrail: Mapping[str, Any]) -> Iterator[Text]:
        for variant, group in self._sides(guardrail):
            yield Text.assemble(
                f"{variant} ",
                (_level(guardrail["metric"], group.get("rate")), "bold"),
                f" of {count(group.get('n') or 0)}",
            )

    def _spending(self, guardrail: Mapping[str, Any]) -> list[Text]:
        return [
            Text.assemble(f"{variant} ", (usd(side.get("rate")), "bold"), f" of {count(side.get('n') or 0)}")
            for variant, side in self._sides(guardrail)
        ]

    def _tests(self, found: Mapping[str, float], width: int) -> list[Text]:
        tests = ["harm"] if self._reading["phase"] == "baking" else ["harm", "safe"]
        shown = [f" {evidence(found[test])} of {evidence(found[f'{test}_needed'])}" for test in tests]
        taken = max(cell_len(test) + 1 + cell_len(text) for test, text in zip(tests, shown, strict=True))
        room = (width - len(_INDENT) - len(_GAP)) // 2 - taken
        if room < _LONGEST // 2:  # one below the other
            room = width - len(_INDENT) - taken
        length = max(4, min(_LONGEST, room))
        return [
            bar(test, found[test], found[f"{test}_needed"], length) + Text(text)
            for test, text in zip(tests, shown, strict=True)
        ]

    def _passed(self, guardrail: Mapping[str, Any]) -> Iterator[Text]:
        """A safe test that has passed stays passed for its period."""
        found = guardrail["evidence"]
        if guardrail["verdict"] == "pass" and found["safe"] < found["safe_needed"]:
            yield Text("passed before", style="green")

    def _to_go(self, guardrail: Mapping[str, Any]) -> Iterator[Text]:
        if self._reading["phase"] in ("baking", "promoted", "rolled_back"):
            return
        units = guardrail.get("units_to_go")
        if units:
            pace = self._pace.get(guardrail["metric"], 0.0)
            about = f", about {duration(units / pace)}" if pace > 0 else ""
            yield Text(f"{count(units)} units to go{about}")


def bar(test: str, value: float, needed: float, length: int) -> Text:
    """`harm ━━━━━━──────`: evidence of `value` on a log scale from 1 to `needed`."""
    share = log(value) / log(needed) if value > 1 and needed > 1 else 0.0
    filled = length if value >= needed else min(length - 1, round(share * length))
    style = "red" if test == "harm" else "green"
    text = Text(f"{test} ")
    text.append("━" * filled, style=f"bold {style}" if value >= needed else style)
    text.append("─" * (length - filled), style="dim")
    return text


def _title(guardrail: Mapping[str, Any], width: int) -> Text:
    metric = str(guardrail["metric"])
    sign, colour = VERDICTS.get(str(guardrail["verdict"]), ("?", ""))
    text = Text.assemble((f"{sign} ", colour), (metric, "bold"), (f" {guardrail['verdict']}", colour))
    if guardrail.get("accepted"):
        text.append(", accepted by hand")
    if guardrail.get("acts") is False:
        text.append(", rolls nothing back")
    told = METRICS.get(metric, "")
    if told and text.cell_len + len(_GAP) + len(told) <= width:
        text.append(f"{_GAP}{told}", style="dim")
    return text


def _level(metric: object, rate: float | None) -> str:
    if metric == "score":
        return UNKNOWN if rate is None else f"{rate:.3f}"
    return percent(rate)


def _difference(guardrail: Mapping[str, Any]) -> Iterator[Text]:
    difference = guardrail.get("difference") or {}
    estimate, lower, upper = (difference.get(name) for name in ("estimate", "lower", "upper"))
    if estimate is None:
        return
    unit = "" if guardrail["metric"] == "score" else " points"
    numbers = [
        f"{number:+.3f}" if guardrail["metric"] == "score" else points(number)
        for number in (estimate, lower, upper)
        if number is not None
    ]
    text = Text(numbers[0] + unit, "bold")
    if len(numbers) == 3:
        text.append(f" ({numbers[1]} to {numbers[2]})", style="not bold")
    yield text


def _coverage(guardrail: Mapping[str, Any]) -> Iterator[Text]:
    coverage = guardrail.get("coverage") or {}
    if coverage.get("baseline") is None and coverage.get("candidate") is None:
        return
    both = " and ".join(percent(coverage.get(side)) for side in ("baseline", "candidate"))
    yield Text(f"coverage {both}", style="" if guardrail.get("tipping_point") is None else "yellow")


def _tipping(guardrail: Mapping[str, Any]) -> list[Text]:
    if guardrail.get("tipping_point") is None:
        return []
    share = percent(guardrail["tipping_point"])
    return [
        Text(f"tips over if the candidate's failures are reported {share} less often than the rest", "yellow")
    ]


def _ratio(ratio: Mapping[str, Any]) -> list[Text]:
    limit = Text(f"limit {ratio['max']:g} times")
    if ratio.get("estimate") is None:
        return [limit]
    text = Text.assemble("candidate costs ", (f"{ratio['estimate']:.2f} times", "bold"), " as much")
    if ratio.get("lower") is not None:
        text.append(f", at least {ratio['lower']:.2f}")
    return [text, limit]


def _value(guardrail: Mapping[str, Any]) -> list[Text]:
    value = guardrail.get("value")
    told = "no data" if value is None else f"{value:g}"
    bounds = [
        f"{word} {guardrail[bound]:g}"
        for word, bound in (("at least", "min"), ("at most", "max"))
        if guardrail.get(bound) is not None
    ]
    return [Text.assemble("value ", (told, "bold")), Text("wanted: " + ", ".join(bounds))]


def _packed(parts: list[Text], width: int) -> Iterator[RenderableType]:
    """Parts side by side as far as they fit, the others on further lines."""
    line = Text(_INDENT)
    for part in parts:
        empty = line.plain == _INDENT
        if not empty and line.cell_len + len(_GAP) + part.cell_len > width:
            yield line
            line, empty = Text(_INDENT), True
        if empty and len(_INDENT) + part.cell_len > width:
            yield Padding(part, (0, 0, 0, len(_INDENT)), expand=False)
        else:
            line = line + (Text() if empty else Text(_GAP)) + part
    if line.plain != _INDENT:
        yield line
