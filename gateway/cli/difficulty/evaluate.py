"""`headgate difficulty evaluate`: measures a model on rows."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gateway.cli.difficulty import options
from gateway.training.examples import DataError
from gateway.training.judge import report, scored

WORDS = {
    "apgr": "APGR", "cpt50": "CPT(50)", "cpt80": "CPT(80)", "spearman": "rank correlation", "auc": "AUC",
}  # fmt: skip
BANDS = 4


def _bounds(_: click.Context, __: click.Parameter, value: str | None) -> list[float] | None:
    if value is None:
        return None
    try:
        bounds = [float(part) for part in value.split(",")]
    except ValueError:
        bounds = []
    if not bounds or any(not low < high for low, high in pairwise(bounds)):
        raise click.BadParameter("write rising bounds, such as 1600,2200,2800.")
    return bounds


@click.command()
@click.option("--model", required=True, metavar="MODEL", help="A model file, or heuristic: the built-in one.")
@options.data
@click.option(
    "--target", type=click.Choice(["gain", "rating"]), help="What to measure.  [default: the model's]"
)
@click.option(
    "--strata",
    callback=_bounds,
    metavar="BOUNDS",
    help="Bounds between bands of scores.  [default: quarters]",
)
@click.option("--hard", type=float, help="The rating from which on a row is hard.  [default: the top fifth]")
@options.route
@options.weak
@options.strong
@options.source
@options.as_json
def command(
    model: str,
    path: Path,
    target: str | None,
    strata: list[float] | None,
    hard: float | None,
    route: str | None,
    weak: str | None,
    strong: str | None,
    source: str | None,
    as_json: bool,
) -> None:
    """Measure a model on rows that it was not taught, with 95 % intervals."""
    loaded = options.load_model(model)
    target = target or loaded.target
    examples = options.load_examples(path, target, route, weak, strong, source)
    try:
        with options.progress(len(examples), "scoring") as step:
            found = scored(loaded, examples, step)
    except DataError as error:
        raise click.ClickException(str(error)) from None
    if strata is None:
        scores = sorted(one.score for one in found)
        strata = sorted({scores[len(scores) * at // BANDS] for at in range(1, BANDS)})
    if hard is None:
        ratings = sorted(example.rating or 0.0 for example in examples)
        hard = ratings[len(ratings) * 4 // 5]
    figures = {"model": loaded.hash, **report(found, examples, target, strata, hard)}
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
    else:
        render(figures, Console())


def render(figures: dict[str, Any], console: Console) -> None:
    """Prints a report for people."""
    console.print(f"{figures['rows']} rows, target {figures['target']}")
    for name, words in WORDS.items():
        if name in figures:
            found = figures[name]
            console.print(f"  {words:17} {found['value']:.3f}  ({found['low']:.3f} to {found['high']:.3f})")
    for title in ("tasks", "strata"):
        _table(title, figures[title], console)
    calibration = Table("calibration", "score", "found", box=None, pad_edge=False)
    for part in figures["calibration"]:
        calibration.add_row(f"{part['rows']} rows", f"{part['score']:.4g}", f"{part['found']:.4g}")
    console.print()
    console.print(calibration)


def _table(title: str, parts: dict[str, dict[str, Any]], console: Console) -> None:
    columns = list(dict.fromkeys(name for figures in parts.values() for name in figures))
    table = Table(title, *columns, box=None, pad_edge=False)
    for part, figures in parts.items():
        cells = [f"{figures[name]:.4g}" if name in figures else "" for name in columns]
        table.add_row(part or "none", *cells)
    console.print()
    console.print(table)
