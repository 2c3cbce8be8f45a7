"""The stage bar: the way to 100 %, how much of it is gone, and the weight by which traffic is shared now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from gateway.cli.rollout.admin import Reading
from gateway.cli.rollout.words import weight

DONE, HERE, AHEAD, LEFT = "✔", "●", "○", "✖"
STYLES = {DONE: "green", HERE: "bold", AHEAD: "dim", LEFT: "red"}
_FULL, _EMPTY = "━", "─"
_NEAR = 0.005
"""Weights in percent that differ by less are the same."""


class Step(NamedTuple):
    """One stop on the way: a sign, and what it is called."""

    sign: str
    label: str


def steps(reading: Reading) -> list[Step]:
    """The planned stages, the bake before 100 %, and a weight that is none of the plan's where it lies."""
    now, phase = float(reading["weight"]), str(reading["phase"])
    if phase == "promoted":
        return [Step(DONE, label) for _, label in _stops(reading)]
    if phase == "rolled_back":
        return [
            Step(LEFT if number == reading["stage"] else AHEAD, label)
            for number, (_, label) in enumerate(_stops(reading), 1)
        ]
    found, met = [], False
    off = f"{weight(now)} {'bake' if phase == 'baking' else 'by hand'}"
    if phase == "pending":
        return [Step(AHEAD, label) for _, label in _stops(reading)]
    for at, label in _stops(reading):
        if not met and now < at - _NEAR:
            found.append(Step(HERE, off))
            met = True
        here = not met and abs(at - now) < _NEAR
        found.append(Step(HERE if here else AHEAD if met else DONE, label))
        met = met or here
    return found if met else [*found, Step(HERE, off)]


def _stops(reading: Reading) -> Iterator[tuple[float, str]]:
    """Weights and labels. A stage of 100 bakes at less than that first, where the reading says so."""
    bake = reading.get("bake_weight")
    for stage in reading["stages"]:
        if stage == 100 and bake is not None:
            yield float(bake), f"{weight(bake)} bake"
        yield float(stage), weight(stage)


def way(reading: Reading) -> Text:
    """`✔ 10 % ── ● 50 % ── ○ 98 % bake ── ○ 100 %`; wraps between stops."""
    text = Text()
    for index, step in enumerate(steps(reading)):
        if index:
            text.append(" ── ", style="dim")
        label = step.label.replace(" ", "\N{NO-BREAK SPACE}")
        text.append(f"{step.sign}\N{NO-BREAK SPACE}{label}", style=STYLES[step.sign])
    return text


def share(reading: Reading, width: int) -> Text:
    """The candidate's share of the traffic as a bar of `width` columns, and the number."""
    now = float(reading["weight"])
    filled = round(now / 100 * width)
    if now > 0:
        filled = max(1, filled)
    text = Text()
    text.append(_FULL * filled, style="cyan")
    text.append(_EMPTY * (width - filled), style="dim")
    text.append(f" {weight(now)}", style="bold")
    return text
