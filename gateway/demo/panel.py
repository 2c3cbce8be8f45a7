"""The rollout on the demo's screen: where it stands, what each guardrail has found, and what has happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from gateway.cli.rollout.evidence import bar
from gateway.cli.rollout.stages import share, way
from gateway.cli.rollout.words import SIGNS, UNKNOWN, VERDICTS, count, evidence, percent, said, usd, weight
from gateway.demo.scenario import BASELINE, CANDIDATE, ROUTE, SEGMENT
from gateway.demo.watch import Moved, Seen

_BAR = {False: 6, True: 8}
"""Columns of a bar, narrow and wide."""
_NEXT = {
    "promoted": f"{CANDIDATE} serves all of {ROUTE}/{SEGMENT} now",
    "rolled_back": f"{BASELINE} serves all of {ROUTE}/{SEGMENT} again",
    "inconclusive": "the evidence decides nothing in the time that was given",
    "paused": "waits for a person",
}
"""What it means that a rollout has come to rest."""


def standing(seen: Seen, width: int, compact: bool) -> Iterator[Text]:
    """Phase and stages, the weight's bar, and the verdict or how it ended: four lines, `compact` two."""
    reading = seen.reading
    if not reading:
        yield Text("  the rollout has not been looked at yet", style="dim")
        return
    sign, colour = SIGNS.get(seen.phase, ("?", ""))
    head = _line()
    head.append(f"  {ROUTE}/{SEGMENT}  ", style="dim")
    head.append(f"{sign} {said(seen.phase)}", style=f"bold {colour}")
    head.append(f" at {weight(seen.weight)}   ")
    head.append_text(way(reading))
    head.plain = head.plain.replace("\N{NO-BREAK SPACE}", " ")  # nothing wraps here
    yield head
    if not compact:
        yield Text("  ") + share(reading, min(72, width - 10))
    first, others = _ended(seen) if seen.rests else _verdict(reading)
    if compact:
        yield first + Text(f"; {others}" if others else "")
    else:
        yield first
        yield Text(f"      {others}", style="dim", no_wrap=True, overflow="ellipsis")


def _ended(seen: Seen) -> tuple[Text, str]:
    colour = SIGNS[seen.phase][1]
    text = _line()
    text.append(f"  {conclusion(seen)}", style=f"bold {colour}")
    return text, "; ".join(seen.moved[-1].reasons) if seen.moved else ""


def conclusion(seen: Seen) -> str:
    """How it ended, in a line: `promoted after 00:52: tuned serves all of solver/hard now.`"""
    after = f" after {clock(seen.settled_at)}" if seen.settled_at is not None else ""
    return f"{said(seen.phase)}{after}: {_NEXT[seen.phase]}."


def _verdict(reading: Mapping[str, Any]) -> tuple[Text, str]:
    """The verdict with its first reason, and the others."""
    verdict = reading["verdict"]
    sign, colour = VERDICTS.get(verdict["value"], ("?", ""))
    reasons = verdict["reasons"]
    text = _line()
    text.append(f"  {sign} {verdict['action']}: ", style=colour)
    text.append(reasons[0] if reasons else "")
    return text, "; ".join(reasons[1:])


def guardrails(found: Iterable[Mapping[str, Any]], wide: bool, compact: bool) -> Table:
    """A row each: the rates of both variants, and the evidence for harm and for safety."""
    grid = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), pad_edge=False, header_style="dim")
    for name in ("  guardrail", BASELINE, CANDIDATE, "evidence for harm", "evidence for safe"):
        grid.add_column(name, no_wrap=True)
    for guardrail in found:
        if guardrail.get("evidence"):
            grid.add_row(*_compared(guardrail, wide))
        elif guardrail.get("ratio") and not compact:
            grid.add_row(*_spent(guardrail))
    return grid


def _compared(guardrail: Mapping[str, Any], wide: bool) -> Iterator[Text]:
    yield _name(guardrail)
    for side in ("baseline", "candidate"):
        group = guardrail[side]
        units = f" of {count(group['n'])}" if wide else ""
        yield Text(f"{percent(group['rate'])}{units}" if group["n"] else UNKNOWN)
    found = guardrail["evidence"]
    for test in ("harm", "safe"):
        shown = bar("", found[test], found[f"{test}_needed"], _BAR[wide])[1:]
        yield shown + Text(f" {evidence(found[test])} of {evidence(found[f'{test}_needed'])}")


def _spent(guardrail: Mapping[str, Any]) -> Iterator[Text]:
    yield _name(guardrail)
    for side in ("baseline", "candidate"):
        yield Text(usd(guardrail[side]["rate"]))
    ratio = guardrail["ratio"]
    times = UNKNOWN if ratio["estimate"] is None else f"{ratio['estimate']:.2f} times"
    yield Text(times)
    yield Text(f"limit {ratio['max']:g} times", style="dim")


def _name(guardrail: Mapping[str, Any]) -> Text:
    sign, colour = VERDICTS.get(guardrail["verdict"], ("?", ""))
    return Text.assemble((f"{sign} ", colour), guardrail["metric"])


def happened(moved: Sequence[Moved], lines: int) -> Iterator[Text]:
    """The newest transitions, the oldest of them first."""
    for one in moved[max(0, len(moved) - lines) :] if lines > 0 else ():
        sign, colour = SIGNS.get(one.after, ("?", ""))
        text = _line()
        text.append(f"  {clock(one.seconds)}  ", style="dim")
        text.append(f"{sign} {said(one.after)} at {weight(one.weight)}", style=colour)
        text.append(f"  {'; '.join(one.reasons)}", style="dim")
        yield text


def told(moved: Moved) -> str:
    """A transition in one plain line."""
    why = f": {'; '.join(moved.reasons)}" if moved.reasons else ""
    change = (
        said(moved.after) if moved.before == moved.after else f"{said(moved.before)} → {said(moved.after)}"
    )
    return f"{clock(moved.seconds)}  {change} at {weight(moved.weight)} ({said(moved.cause)}){why}"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _line() -> Text:
    return Text(no_wrap=True, overflow="ellipsis")
