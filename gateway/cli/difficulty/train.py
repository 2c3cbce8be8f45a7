"""`headgate difficulty train`: learns a model from rows or from the event log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.difficulty import options
from gateway.training.examples import DataError
from routing.difficulty.model import Model, Scale

if TYPE_CHECKING:
    from gateway.training.train import Trained

MISSING = """\
learning needs scikit-learn, which is not installed; install the extra: pip install 'headgate[train]'"""
GAIN = Scale("gain", -1.0, 1.0)


@click.command()
@options.data
@click.option(
    "--target", type=click.Choice(["gain", "rating"]), required=True,
    help="What is learnt: how much better the strong variant does, or a rating.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The model file to write."
)
@click.option(
    "--against", metavar="MODEL",
    help="The model to beat: a file, or heuristic.  [default: the file of --out, if there is one]",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Write the new model even if it is not better.")
@click.option(
    "--scale", default="codeforces", show_default=True, callback=options.scale_of, metavar="SCALE",
    help="Of ratings: codeforces, baekjoon, label, or MIN..MAX.",
)  # fmt: skip
@click.option("--name", help="The model's name.  [default: the file's]")
@options.route
@options.weak
@options.strong
@options.source
@options.as_json
def command(
    path: Path,
    target: str,
    out: Path,
    against: str | None,
    force: bool,
    scale: Scale,
    name: str | None,
    route: str | None,
    weak: str | None,
    strong: str | None,
    source: str | None,
    as_json: bool,
) -> None:
    """Learn a model, and write it if it beats the one in use.

    Both are measured on the fifth of the rows that is never taught, by APGR for a gain and by the correlation
    of ranks for a rating; the new one has to be better in 95 of 100 bootstrap resamples.
    """
    examples = options.load_examples(path, target, route, weak, strong, source)
    old = _old(against, out, target, force)
    try:
        from gateway.training.train import STEPS, train
    except ImportError:
        raise click.ClickException(MISSING) from None
    try:
        with options.progress(STEPS, "learning") as step:
            trained = train(
                examples, target, GAIN if target == "gain" else scale, old, name or out.stem, step
            )
    except DataError as error:
        raise click.ClickException(str(error)) from None
    written = trained.wanted or force
    if written:
        _write(out, trained.content)
    _print(trained, target, out, written, as_json)
    if not written:
        raise click.ClickException(
            f"{out} is not written: the new model is not surely better; more rows may help, or --force"
        )


def _old(against: str | None, out: Path, target: str, force: bool) -> Model | None:
    if against is None and not out.exists():
        return None
    if against is None and force:
        return None
    old = options.load_model(str(out) if against is None else against)
    if old.target != target:
        raise click.ClickException(
            f"{against or out}: estimates a {old.target}, not a {target}; name another"
        )
    return old


def _write(out: Path, content: bytes) -> None:
    """All of it or nothing: a gateway may be reading the file."""
    new = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        new.write_bytes(content)
        new.replace(out)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise click.ClickException(f"{out}: {error.strerror}") from None


def _print(trained: Trained, target: str, out: Path, written: bool, as_json: bool) -> None:
    measure = "apgr" if target == "gain" else "spearman"
    figures = {
        "model": str(out),
        "written": written,
        "measure": measure,
        "new": trained.measured._asdict(),
        "old": None if trained.old is None else trained.old._asdict(),
        "better": trained.better,
    }
    if as_json:
        click.echo(json.dumps(figures))
        return
    for label, found in (("new", trained.measured), ("old", trained.old)):
        if found is not None:
            click.echo(f"{label} model: {measure} {found.value:.3f} ({found.low:.3f} to {found.high:.3f})")
    if trained.better is not None:
        click.echo(f"better in {trained.better:.0%} of resamples")
    if written:
        click.echo(f"written to {out}")
