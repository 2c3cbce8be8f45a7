"""`headgate check`: what is wrong with a configuration, or what it will do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.json_schema import json_schema
from config.load import Loaded, load
from config.prices import source
from config.problems import ConfigError, Problem
from config.redact import redacted
from config.schema import Config
from gateway.cli.explain import EXAMPLE
from gateway.cli.number import Number
from gateway.cli.outline import outline
from gateway.control.estimators import Estimators
from gateway.control.source import compile_source
from gateway.providers.registry import ProviderRefused
from gateway.store.registry import StoreRefused

NOTE = """\
Units are sticky keys of one request each, compared in both variants together, in a typical run of two equally
good variants; one run in five needs about twice as many, or more. Stages pass when all of their rows hold."""

WIDTH = 140
"""Columns when the output is not a terminal."""


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration instead.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--rate", type=Number(0, min_open=True), metavar="R",
    help="Requests a second that each rollout's segment sees: tells the days that its stages take.",
)  # fmt: skip
def command(config: Path | None, schema: bool, as_json: bool, rate: float | None) -> None:
    """Check the configuration file CONFIG: every mistake at once, or what it will do.

    Mistakes and warnings go to standard error, each with its line. Variables such as ${OPENAI_API_KEY} have
    to be set; any value will do.
    """
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return
    if config is None:
        raise click.UsageError("name the configuration file, such as headgate.yaml.")
    try:
        loaded = load(config, os.environ)
    except ConfigError as error:
        click.echo(str(error), err=True)
        if as_json:
            click.echo(json.dumps({"valid": False, "errors": _told(error.problems)}))
        raise click.exceptions.Exit(1) from None
    estimators = Estimators().read(loaded.config)
    faults = estimators.faults(loaded.config)
    warnings = [*loaded.warnings, *faults, *_unservable(loaded.config, estimators)]
    for warning in warnings:
        click.echo(f"warning: {warning.located(str(config))}", err=True)
    told = outline(loaded.config, rate)
    if as_json:
        click.echo(json.dumps(_everything(loaded, warnings, told), ensure_ascii=False))
    else:
        render(str(config), told, Console(width=None if sys.stdout.isatty() else WIDTH))


def _unservable(config: Config, estimators: Estimators) -> list[Problem]:
    """Why `serve` would refuse it on this machine, for what is missing here and need not be elsewhere."""
    try:
        compile_source(config, EXAMPLE, 1, {}, estimators)
    except (ProviderRefused, StoreRefused) as error:
        return [Problem("", None, f"cannot be served on this machine: {error}")]
    return []


def _everything(loaded: Loaded, warnings: Iterable[Problem], told: dict[str, Any]) -> dict[str, Any]:
    return {
        "valid": True,
        "warnings": _told(warnings),
        **told,
        "prices": dict(source()),
        "config": redacted(loaded.config),
    }


def _told(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [{"path": it.path, "line": it.line, "message": it.message} for it in problems]


def render(name: str, told: dict[str, Any], console: Console) -> None:
    """Prints an outline for people."""
    for route in told["routes"]:
        also = f", also {', '.join(route['names'])}" if route["names"] else ""
        fallbacks = f"; fallbacks: {', '.join(route['fallbacks'])}" if route["fallbacks"] else ""
        console.print(f"[bold]{escape(route['route'])}[/]{escape(also + fallbacks)}", highlight=False)
        console.print(_shares(route))
        console.print()
    for rollout in told["rollouts"]:
        console.print(_heading(rollout), highlight=False)
        console.print(_stages(rollout))
        console.print()
    if told["rollouts"]:
        console.print(NOTE, style="dim", highlight=False)
    dated = source()["dated"]
    console.print(f"{escape(name)} is valid; the packaged prices are of {dated}.", highlight=False)


def _shares(route: dict[str, Any]) -> Table:
    table = Table("segment", "when", "variant", "share", "model", box=None, pad_edge=False)
    table.add_column("USD per million tokens", no_wrap=True)
    for segment in route["segments"]:
        name = segment["segment"]
        when = " and ".join(segment["conditions"]) or "otherwise"
        for label, share in segment["shares"].items():
            variant = route["variants"][label]
            table.add_row(
                name, escape(when), label, f"{share}%", escape(variant["model"]), _price(variant["price"])
            )
            name = when = ""
        for what, label, share in _besides(segment):
            variant = route["variants"][label]
            table.add_row("", what, label, share, escape(variant["model"]), _price(variant["price"]))
    return table


def _besides(segment: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Whom a segment asks besides: what for, the variant, and its share if that is known."""
    if segment["then"] is not None:
        yield "if that one fails", segment["then"], ""
    if segment["shadow"] is not None:
        yield "copies", segment["shadow"]["variant"], f"{segment['shadow']['percent']}%"


def _price(price: dict[str, float] | None) -> str:
    if price is None:
        return "unpriced"
    parts = (
        [f"{price['input']:g} in", f"{price['output']:g} out"] if price["input"] or price["output"] else []
    )
    if price["request"]:
        parts.append(f"{price['request']:g} a request")
    return ", ".join(parts) or "free"


def _heading(rollout: dict[str, Any]) -> str:
    place = escape(f"{rollout['route']}/{rollout['segment']}")
    who = f"rollout of {rollout['candidate']} against {rollout['baseline']}"
    return f"[bold]{place}[/]: {who}, mode {rollout['mode']}"


def _stages(rollout: dict[str, Any]) -> Table:
    table = Table("weight", "to pass", "units", "days", box=None, pad_edge=False)
    for stage in rollout["stages"]:
        weight = f"{stage['weight']}%"
        for need in stage["needs"]:
            units = "" if need["units"] is None else f"{need['units']:,}"
            table.add_row(weight, need["metric"], units, _days(need["days"]))
            weight = ""
    return table


def _days(days: float | None) -> str:
    if days is None:
        return ""
    return "< 0.01" if 0 < days < 0.01 else f"{days:.2f}"
