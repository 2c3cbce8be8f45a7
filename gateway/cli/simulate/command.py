"""`headgate simulate`: what the configured rollout would do, before it goes live."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.load import load
from config.problems import ConfigError
from config.units import duration, points, share
from gateway.cli.number import Number
from gateway.cli.simulate.findings import findings
from gateway.cli.simulate.page import render
from gateway.cli.simulate.question import Asked, Question, Unanswerable, question, told
from gateway.cli.simulate.runs import simulate
from routing.snapshot import BASIS_POINTS

WIDTH = 140
"""Columns when the output is not a terminal."""
_SIGNED = re.compile(r"([+-]?)(.+)")


def _points(_: click.Context, __: click.Parameter, value: str) -> float:
    match = _SIGNED.fullmatch(value.strip())
    try:
        size = points(0 if match is None or match[2] == "0" else match[2])
    except ValueError as error:
        raise click.BadParameter(f"{error}, with a sign: -5pt.") from None
    return -size if match is not None and match[1] == "-" else size


def _share(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else share(value) / BASIS_POINTS
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _duration(_: click.Context, __: click.Parameter, value: str) -> float:
    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path, dir_okay=False), default=Path("headgate.yaml"),
    show_default=True, help="The configuration.",
)  # fmt: skip
@click.option("--route", metavar="R", help="ROUTE or ROUTE/SEGMENT, where there are several rollouts.")
@click.option(
    "--effect", callback=_points, default="-5pt", show_default=True, metavar="POINTS",
    help="How much better (+) or worse (-) the third candidate is; the others: as good, worse by the margin.",
)  # fmt: skip
@click.option(
    "--pass-rate", callback=_share, metavar="SHARE",
    help="Of the baseline's answers that pass validation.  [default: 90%]",
)  # fmt: skip
@click.option(
    "--rate", type=Number(0, min_open=True), metavar="R",
    help="Requests a second in the segment.  [default: so that the requests last as long as the plan may]",
)  # fmt: skip
@click.option(
    "--requests", type=click.IntRange(1, 100_000_000), metavar="N",
    help="Of a run, at most.  [default: 50,000, or as many as come at --rate, up to 500,000]",
)  # fmt: skip
@click.option(
    "--runs", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Of each candidate."
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same one gives the same runs."
)
@click.option(
    "--coverage", callback=_share, metavar="SHARE",
    help="Of the outcomes that are reported.  [default: what the route samples]",
)  # fmt: skip
@click.option(
    "--delay", callback=_duration, default="0s", show_default=True, metavar="DURATION",
    help="After which outcomes are reported, on average.",
)  # fmt: skip
@click.option(
    "--sticky-users", "users", type=click.IntRange(1), metavar="N", help="So many users, who come back."
)
@click.option("--requests-per-user", type=Number(1), metavar="N", help="The same, said the other way round.")
@click.option(
    "--drift", callback=_points, default="0pt", show_default=True, metavar="POINTS",
    help="By how much the pass rate of both variants changes, from the first request to the last.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    path: Path, route: str | None, runs: int, seed: int, as_json: bool, users: int | None,
    requests_per_user: float | None, **said: Any,
) -> None:  # fmt: skip
    """See what a configured rollout would do, before it goes live.

    Sends simulated traffic through the engine that decides real rollouts, many times: how often a candidate
    that is as good would be rolled back, one that is worse by the margin promoted, and how soon one that does
    harm is found. Beside it: what a z-test at every look, and a fixed threshold, would have done.
    """
    if users is not None and requests_per_user is not None:
        raise click.UsageError("give --sticky-users or --requests-per-user, not both.")
    asked = _question(path, route, Asked(users=users, requests_per_user=requests_per_user, **said))
    trials = simulate(asked, runs, seed, os.cpu_count() or 1)
    found = [findings(case, some) for case, some in zip(asked.cases, trials, strict=True)]
    about = told(asked, seed, runs)
    if as_json:
        click.echo(json.dumps({**about, "candidates": found}))
    else:
        render(asked, about, found, Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False))


def _question(path: Path, route: str | None, asked: Asked) -> Question:
    try:
        return question(load(path, os.environ).config, route, asked)
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from None
    except Unanswerable as error:
        raise click.ClickException(str(error)) from None
