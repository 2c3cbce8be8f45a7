"""`headgate difficulty show`: what is in a model file."""

from __future__ import annotations

import json
from typing import Any

import click

from gateway.cli.difficulty import options
from routing.difficulty.model import HeadFile


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--top", type=click.IntRange(0, 1000), default=12, show_default=True, help="Features to show, a head."
)
@options.as_json
def command(model: str, top: int, as_json: bool) -> None:
    """Show a model: what it was learnt from, how well it does, what weighs most.

    MODEL is a file, or heuristic: the built-in one.
    """
    file = options.load_model(model).file
    figures: dict[str, Any] = {
        "name": file.name,
        "hash": file.hash,
        "created": file.created,
        "target": file.target,
        "scale": {"name": file.scale.name, "min": file.scale.min, "max": file.scale.max},
        "tokens": file.tokens,
        "data": file.data,
        "metrics": file.metrics,
        "heads": {task: _head(head, top) for task, head in file.heads.items()},
    }
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    for name in ("name", "hash", "created", "target", "tokens"):
        click.echo(f"{name:8} {figures[name]}")
    click.echo(f"{'scale':8} {file.scale.name}, {file.scale.min:g} to {file.scale.max:g}")
    for name in ("data", "metrics"):
        for key, value in figures[name].items():
            click.echo(f"{name:8} {key}: {_short(value)}")
    for task, head in figures["heads"].items():
        click.echo(f"\nhead {task}: {head['words']} words, {head['pairs']} pairs, {head['bounds']} bounds")
        for feature, weight in head["largest"].items():
            click.echo(f"  {weight:+10.4g}  {feature}")


def _head(head: HeadFile, top: int) -> dict[str, Any]:
    weights = head.words | head.pairs | head.bounds
    largest = sorted(weights, key=lambda name: -abs(weights[name]))[:top]
    return {
        "words": len(head.words),
        "pairs": len(head.pairs),
        "bounds": len(head.bounds),
        "intercept": head.intercept,
        "largest": {name: weights[name] for name in largest},
    }


def _short(value: Any) -> str:
    return (
        ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else str(value)
    )
