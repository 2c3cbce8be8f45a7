"""`headgate keys`: makes API keys and signing keys. Nothing is stored; a key is shown once."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any, get_args

import click

from config.names import NAME, ROUTE
from config.server import Scope

SCOPES = get_args(Scope)
DEFAULT_SCOPES = ("chat", "outcomes")
PREFIX = "hg_"


def _name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and NAME.fullmatch(value) is None:
        raise click.BadParameter("use 1 to 64 letters, digits or . _ - and begin with a letter or digit.")
    return value


def _routes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(ROUTE.fullmatch(value) for value in values):
        raise click.BadParameter("a route's name has letters, digits or any of . _ : @ - only.")
    return values


@click.group()
def command() -> None:
    """Make API keys and signing keys."""


@command.command()
@click.argument("name", callback=_name)
@click.option("--application", callback=_name, help="Who calls with it.  [default: NAME]")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), metavar="S",
    help=f"What it may do: {', '.join(SCOPES)}; repeatable.  [default: {', '.join(DEFAULT_SCOPES)}]",
)  # fmt: skip
@click.option(
    "--route", "routes", multiple=True, callback=_routes, metavar="R",
    help="A route it may use; repeatable.  [default: all]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help='Print {"key", "entry"} as JSON.')
def create(
    name: str, application: str | None, scopes: tuple[str, ...], routes: tuple[str, ...], as_json: bool
) -> None:
    """Make an API key called NAME and the entry that lets it in."""
    key = PREFIX + secrets.token_urlsafe(32)
    entry: dict[str, Any] = {
        "name": name,
        "application": application or name,
        "hash": "sha256:" + hashlib.sha256(key.encode()).hexdigest(),
        "scopes": list(dict.fromkeys(scopes or DEFAULT_SCOPES)),
    }
    if routes:
        entry["routes"] = list(dict.fromkeys(routes))
    if as_json:
        click.echo(json.dumps({"key": key, "entry": entry}))
        return
    click.echo(f"key (shown this once, keep it secret):\n\n  {key}\n")
    click.echo("entry for the configuration (it holds a hash, not the key):\n")
    click.echo(f"server:\n  keys:\n    - {_flow(entry)}")


@command.command()
@click.option("--json", "as_json", is_flag=True, help='Print {"key"} as JSON.')
def signing(as_json: bool) -> None:
    """Make a signing key, with which request ids are sealed."""
    key = secrets.token_urlsafe(32)
    click.echo(json.dumps({"key": key}) if as_json else key)


def _flow(entry: dict[str, Any]) -> str:
    """The entry as one line of YAML; quoted as JSON quotes, which YAML reads alike."""
    return "{" + ", ".join(f"{field}: {json.dumps(value)}" for field, value in entry.items()) + "}"
