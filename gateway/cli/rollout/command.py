"""`headgate rollout`: looks at rollouts and moves them, through a running gateway's admin API."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import track

from config.units import percent
from config.units import weight as read_weight
from gateway.cli.client import ADMIN_KEY, check_url
from gateway.cli.rollout.admin import Admin, Name, name_of
from gateway.cli.rollout.history import explained, history, transitions
from gateway.cli.rollout.listing import listing
from gateway.cli.rollout.pace import Pace
from gateway.cli.rollout.page import LATEST, Page, notes
from gateway.cli.rollout.verify import summary, verify
from gateway.cli.rollout.watch import PATIENCE, Watcher, standing, watch, watch_json

WIDTH = 140
"""Columns when the output is not a terminal."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _rollout(_: click.Context, __: click.Parameter, value: str) -> Name:
    parts = value.split("/")
    if len(parts) > 2 or not all(parts):
        raise click.BadParameter("write ROUTE or ROUTE/SEGMENT.")
    return Name(*parts)


def _weight(_: click.Context, __: click.Parameter, value: str) -> float:
    try:
        written = value if value.endswith("%") else f"{value}%"
        return percent(read_weight(written))
    except ValueError:
        raise click.BadParameter("write a percentage between 0 and 100, with two decimals at most.") from None


_named = click.argument("rollout", metavar="R", callback=_rollout)


def _asks(function: Function) -> Function:
    """The options of every command."""
    function = click.option("--json", "as_json", is_flag=True, help="Print what the gateway says as JSON.")(
        function
    )
    return click.option(
        "--url", callback=check_url, envvar="HEADGATE_ADMIN_URL", show_envvar=True, show_default=True,
        default="http://127.0.0.1:8081", help=f"The gateway's admin port; the key is taken from {ADMIN_KEY}.",
    )(function)  # fmt: skip


def _orders(function: Function) -> Function:
    """Argument and options of every command that moves a rollout."""
    for option in (
        click.option(
            "--if-match", "revision", type=click.IntRange(0), metavar="REVISION",
            help="Only if the rollout is still at this revision.",
        ),
        click.option("--reason", default="", metavar="TEXT", help="Why; kept in the history."),
    ):  # fmt: skip
        function = option(function)
    return _named(_asks(function))


class InOrder(click.Group):
    """Lists its commands as they stand here."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Looking first, then what moves on, then what moves back."""
        return list(self.commands)


@click.group(cls=InOrder)
def command() -> None:
    """See how rollouts stand, and move them.

    R is ROUTE/SEGMENT, or ROUTE alone when it has one rollout. A gateway with keys wants HEADGATE_ADMIN_KEY.
    """


@command.command("list")
@_asks
def list_(url: str, as_json: bool) -> None:
    """All rollouts, a line each."""
    readings = Admin(url).rollouts()
    if as_json:
        _print_json(readings)
    elif not readings:
        click.echo("there is no rollout", err=True)
    else:
        console = _console()
        console.print(listing(readings, datetime.now(UTC), console.width))
        for reading in readings:
            for note in notes(reading):
                click.echo(f"warning: {name_of(reading)}: {note}", err=True)


@command.command()
@_named
@click.option("-w", "--watch", "watching", is_flag=True, help="Go on showing it as it changes.")
@_asks
@click.pass_context
def get(context: click.Context, rollout: Name, watching: bool, url: str, as_json: bool) -> None:
    """One rollout: verdict, evidence, what can be done.

    With -w in a terminal a live view, elsewhere a line for each change; Ctrl-C leaves.
    """
    admin = Admin(url, PATIENCE) if watching else Admin(url)
    name = admin.whole(rollout)
    suffix = f" --url {url}" if context.get_parameter_source("url") is ParameterSource.COMMANDLINE else ""
    if watching:
        watcher = Watcher(admin, name)
        watch_json(watcher) if as_json else watch(watcher, _console(), suffix)
        return
    reading = admin.rollout(name)
    if as_json:
        _print_json(reading)
        return
    try:
        latest = explained(admin.history(name))[-LATEST:]
    except click.ClickException:
        latest = []  # the store is away; the reading is what this replica knows
    now = datetime.now(UTC)
    _console().print(Page(reading, now, Pace().look(reading, now), suffix, latest))


@command.command("history")
@_named
@click.option("--transitions", "moved", is_flag=True, help="Without changes of verdicts.")
@_asks
def history_(rollout: Name, moved: bool, url: str, as_json: bool) -> None:
    """What moved it, when, by whom and why.

    Changes of verdicts are among it; the oldest entry comes first. ROUTE/SEGMENT also of a rollout that is
    settled, or not configured any more.
    """
    admin = Admin(url)
    entries = admin.history(admin.whole(rollout))
    if as_json:
        _print_json(transitions(entries) if moved else entries)
        return
    shown = explained(entries)
    console = _console()
    console.print(history(transitions(shown) if moved else shown, console.width))


@command.command("verify")
@_named
@_asks
@click.pass_context
def verify_(context: click.Context, rollout: Name, url: str, as_json: bool) -> None:
    """Make its decisions again, from what each was made of.

    Here, not in the gateway, by the same method: whether the history's verdicts follow from the counts. The
    exit status is 1 when one does not.
    """
    admin = Admin(url, PATIENCE)
    name = admin.whole(rollout)
    entries = admin.history(name, records=True)
    progress = Console(stderr=True)
    made = list(
        track(
            verify(entries), "making decisions again", len(entries), console=progress, transient=True,
            disable=not progress.is_terminal,
        )
    )  # fmt: skip
    if as_json:
        _print_json([one.to_json() for one in made])
    else:
        _console().print(summary(str(name), made, version("headgate")))
    if any(one.same is False for one in made):
        context.exit(1)


def _act(
    action: str, done: str, rollout: Name, reason: str, revision: int | None, url: str, as_json: bool,
    **order: Any,
) -> None:  # fmt: skip
    admin = Admin(url)
    name = admin.whole(rollout)
    reading = admin.act(name, action, {"reason": reason, **order}, revision)
    if as_json:
        _print_json(reading)
    else:
        click.echo(f"rollout '{name}' {done}")
        click.echo(standing(reading))


@command.command()
@click.option("--full", is_flag=True, help="All traffic at once: no further stage, no bake.")
@_orders
def promote(full: bool, **given: Any) -> None:
    """Go on to the next stage, whatever the evidence.

    Harm goes on being watched.
    """
    _act("promote", "fully promoted" if full else "promoted", full=full, **given)


@command.command()
@_orders
def pause(**given: Any) -> None:
    """Hold the weight; harm still rolls back."""
    _act("pause", "paused", **given)


@command.command()
@_orders
def resume(**given: Any) -> None:
    """Begin, or go on after a pause.

    An inconclusive stage is granted as much time again.
    """
    _act("resume", "resumed", **given)


@command.command()
@_orders
def abort(**given: Any) -> None:
    """Roll back: all to the baseline, at once."""
    _act("abort", "aborted", **given)


@command.command()
@_orders
def retry(**given: Any) -> None:
    """Try a rolled-back candidate again.

    A new epoch: users are drawn anew, and no evidence is carried over.
    """
    _act("retry", "retried", **given)


@command.command()
@_orders
def undo(**given: Any) -> None:
    """Take a promotion back, at once."""
    _act("undo", "undone", **given)


@command.command("set-weight")
@_orders
@click.argument("weight", metavar="W", callback=_weight)
def set_weight(weight: float, **given: Any) -> None:
    """Give the candidate W percent, and pause.

    Nothing is promoted until it is resumed; harm still rolls back.
    """
    _act("set-weight", f"weight set to {weight:g} %", weight=weight, **given)


def _console() -> Console:
    known = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return Console(width=None if known else WIDTH, highlight=False)


def _print_json(answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False))
