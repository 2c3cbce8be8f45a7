"""`headgate keys`: makes API keys and signing keys. Nothing is stored; a key is shown once."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from typing import Any

import click

SCOPES = ("chat", "outcomes", "pin", "direct", "passthrough", "admin:read", "admin")
DEFAULT_SCOPES = ("chat", "outcomes")
PREFIX = "hg_"
_NAME = re.compile(r"[A-Za-z0-9._:/@-]{1,256}")


def _names(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    for name in (value,) if isinstance(value, str) else value or ():
        if not _NAME.fullmatch(name):
            raise click.BadParameter("use letters, digits and . _ : / @ - only, 256 at most.", context, parameter)
    return value


@click.group()
def command() -> None:
    """Make API keys and signing keys."""


@command.command()
@click.argument("name", callback=_names)
@click.option("--application", callback=_names, help="Who calls with it.  [default: NAME]")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), metavar="S",
    help=f"What it may do: {', '.join(SCOPES)}; repeatable.  [default: {', '.join(DEFAULT_SCOPES)}]",
)  # fmt: skip
@click.option(
    "--route", "routes", multiple=True, callback=_names, metavar="R",
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
