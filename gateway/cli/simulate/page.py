"""The page: findings as a table for people, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.cli.rollout.words import UNKNOWN, count, duration, percent
from gateway.cli.simulate.question import Question, written

Findings = Mapping[str, Any]
Figure = Mapping[str, float | None]

_BAR = 20
_PARTS = (("rolled_back", "█", "red"), ("undecided", "░", "dim"), ("promoted", "▓", "green"))
LEGEND = "█ rolled back  ░ neither  ▓ promoted; in brackets: 95 % confidence intervals"


def render(asked: Question, told: Mapping[str, Any], found: Sequence[Findings], console: Console) -> None:
    """Prints everything."""
    console.print(Text.assemble((f"{asked.route}/{asked.segment}", "bold"), f"   {_plan(asked)}"))
    console.print(_traffic(told))
    console.print(Text(f"{told['runs']:,} runs of each candidate, seed {told['seed']}\n"))
    console.print(_table(found))
    console.print(Text(LEGEND, style="dim"))
    console.print()
    console.print(_others(found))
    console.print()
    for sentence in meaning(asked, found):
        console.print(Padding(Text(f"• {sentence}"), (0, 0, 0, 1)))


def _plan(asked: Question) -> str:
    stages = " → ".join(f"{stage.weight / 100:g}" for stage in asked.plan.stages)
    return f"{asked.wish.candidate} against {asked.wish.baseline}, {stages} %"


def _traffic(told: Mapping[str, Any]) -> Text:
    users = "each of another user" if told["users"] is None else f"of {told['users']:,} users who come back"
    parts = [
        f"{told['requests']:,} requests in {duration(told['seconds'])}"
        f" ({_rate(told['rate'])}), {users}; {percent(told['bad'])} of the baseline's are bad"
        f" ({told['metric']})",
    ]
    if told["drift"]:
        way = "fewer" if told["drift"] < 0 else "more"
        parts.append(f"{abs(told['drift']) * 100:g} points {way} pass at the end, with both variants")
    if told["coverage"] < 1:
        parts.append(f"{percent(told['coverage'])} of the outcomes are reported")
    if told["delay_seconds"]:
        parts.append(f"after {duration(told['delay_seconds'])} on average")
    return Text("; ".join(parts))


def _rate(rate: float) -> str:
    if rate >= 1:
        return f"{rate:.3g} a second"
    return f"{rate * 60:.3g} a minute" if rate * 60 >= 1 else f"{rate * 3_600:.3g} an hour"


def _table(found: Sequence[Findings]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in (
        "candidate",
        "",
        "rolled back",
        "promoted",
        "requests until then",
        "time",
        "bad answers more",
    ):
        table.add_column(name, no_wrap=name in ("", "candidate"))
    for one in found:
        table.add_row(
            Text(written(one["effect"]), style="bold"),
            _stacked(one),
            _share(one["rolled_back"]),
            _share(one["promoted"]),
            _number(one["requests_to_decide"]),
            _days(one["days_to_decide"]["value"]),
            _number(one["bad_answers"]),
        )
    return table


def _stacked(one: Findings) -> Text:
    """The runs by how they ended, as one bar; what happened at all is seen."""
    shares = [one[what]["value"] for what, _, _ in _PARTS]
    columns = [max(1, round(share * _BAR)) if share else 0 for share in shares]
    columns[columns.index(max(columns))] += _BAR - sum(columns)
    text = Text()
    for (_, sign, style), width in zip(_PARTS, columns, strict=True):
        text.append(sign * width, style=style)
    return text


def _others(found: Sequence[Findings]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in (
        "others, on the same traffic", "z-test at every look: rolled back", "promoted",
        "fixed threshold: rolled back", "promoted",
    ):  # fmt: skip
        table.add_column(name)
    for one in found:
        z_test, threshold = one["peeked_z_test"], one["fixed_threshold"]
        table.add_row(
            Text(written(one["effect"]), style="bold"),
            *(_share(rival[what]) for rival in (z_test, threshold) for what in ("rolled_back", "promoted")),
        )
    return table


def meaning(asked: Question, found: Sequence[Findings]) -> Iterator[str]:
    """What the figures say, in sentences."""
    for one in found:
        who = f"A candidate that is {written(one['effect'])}"
        if one["effect"] == 0:
            yield from _of_a_good_one(asked, one, who)
        elif one["effect"] < 0:
            yield from _of_a_bad_one(asked, one, who)
        else:
            yield f"{who} arrived at the end of the plan in {_share(one['promoted'])} of the runs."
        yield from _of_the_undecided(one)
    if asked.seconds < asked.shortest:
        yield (
            f"The traffic lasts {duration(asked.seconds)}, the plan at least {duration(asked.shortest)}:"
            " nothing can arrive. Give more --requests, or a lower --rate."
        )
    if asked.left_out:
        yield f"Left out, because no traffic is simulated for it: {', '.join(asked.left_out)}."


def _of_a_good_one(asked: Question, one: Findings, who: str) -> Iterator[str]:
    allowed = sum(limits.alpha for limits in asked.plan.comparisons.values() if limits.armed)
    yield (
        f"{who} was rolled back in {_share(one['rolled_back'])} of the runs, a false alarm (the plan allows"
        f" {percent(allowed)} in all), and arrived in {_share(one['promoted'])}."
    )
    z_test = one["peeked_z_test"]["rolled_back"]["value"]
    yield f"A z-test looked at as often would have sent {percent(z_test)} of them back."


def _of_a_bad_one(asked: Question, one: Findings, who: str) -> Iterator[str]:
    limit = asked.limits
    if abs(one["effect"] + limit.margin) < 1e-9:
        yield (
            f"{who}, by the margin exactly, passed a stage in {_share(one['passed_a_stage'])} of the runs and"
            f" was promoted in {_share(one['promoted'])}: false promotions"
            f" (a period's test allows {percent(limit.promote_alpha)})."
        )
        return
    when = one["requests_to_decide"]["value"]
    soon = "" if when is None else f"; decided after {count(when)} requests in the median run"
    yield (
        f"{who} was rolled back in {_share(one['rolled_back'])} of the runs{soon}. By then users had got"
        f" {_number(one['bad_answers'])} bad answers more than the baseline would have given."
    )


def _of_the_undecided(one: Findings) -> Iterator[str]:
    phases = one["undecided_phases"]
    if phases and one["undecided"]["value"] >= 0.05:
        where = ", ".join(f"{phase} {number:,}" for phase, number in phases.items())
        yield f"{_share(one['undecided'])} of the runs with it came to neither: {where}."


def _share(found: Figure) -> str:
    value, lower, upper = (100 * (found[name] or 0.0) for name in ("value", "lower", "upper"))
    return f"{value:.3g} % ({lower:.2g}–{upper:.3g})"


def _number(found: Figure) -> str:
    if found["value"] is None:
        return UNKNOWN
    lower, upper = (
        UNKNOWN if found[name] is None else _short(found[name] or 0.0) for name in ("lower", "upper")
    )
    return f"{_short(found['value'])} ({f'from {lower}' if upper == UNKNOWN else f'{lower}–{upper}'})"


def _short(number: float) -> str:
    return count(round(number) + 0)


def _days(days: float | None) -> str:
    return UNKNOWN if days is None else duration(days * 86_400)
