"""What the subcommands of `headgate difficulty` have in common: models, rows, scales and shares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

import click

from config.routes import SCALES
from gateway.model_file import path_of, read_file
from gateway.training.examples import DataError, Example, read_examples
from gateway.training.log import read_log
from routing.difficulty.model import Model, ModelError, Scale

data = click.option(
    "--data", "path", type=click.Path(path_type=Path), required=True,
    help="JSON lines; or the directory of an event log, with --route, --weak and --strong.",
)  # fmt: skip
route = click.option("--route", metavar="R", help="Of an event log: the route to learn from.")
weak = click.option("--weak", metavar="V", help="Of an event log: the variant that is to be spared.")
strong = click.option("--strong", metavar="V", help="Of an event log: the variant that costs more.")
source = click.option(
    "--source", type=click.Choice(["gateway", "application"]),
    help="Of an event log: whose outcomes count.",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")


def load_model(name: str) -> Model:
    """The model in a file, or the built-in one under its name. Leaves with one line when it is none."""
    path = path_of(name)
    try:
        return read_file(path)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except ModelError as error:
        raise click.ClickException(f"{path}: {error}") from None


def load_examples(
    path: Path, target: str, route: str | None, weak: str | None, strong: str | None, source: str | None
) -> list[Example]:
    """The rows of a file or of an event log. Leaves with one line when they cannot be used."""
    try:
        if not path.is_dir():
            return read_examples(path, target)
        if target != "gain":
            raise click.UsageError("an event log holds no ratings; it is learnt from with --target gain.")
        if route is None or weak is None or strong is None:
            raise click.UsageError("an event log needs --route, --weak and --strong.")
        return read_log(path, route, weak, strong, source)
    except DataError as error:
        raise click.ClickException(str(error)) from None


def share_of(_: click.Context, __: click.Parameter, value: str) -> float:
    """A share above 0 % and below 100 %, from `20%` or `0.2`."""
    try:
        share = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        share = 0.0
    if not (isfinite(share) and 0 < share < 1):
        raise click.BadParameter("write a share between 0% and 100%, such as 20%.")
    return share


def scale_of(_: click.Context, __: click.Parameter, value: str) -> Scale:
    """A scale from its name, or from MIN..MAX."""
    if value in SCALES:
        return Scale(value, *SCALES[value])
    low, dots, high = value.partition("..")
    try:
        scale = Scale("range", float(low), float(high))
    except ValueError:
        scale = Scale("range", 0.0, 0.0)
    if not (dots and isfinite(scale.min) and isfinite(scale.max) and scale.min < scale.max):
        raise click.BadParameter(f"write one of {', '.join(SCALES)}, or MIN..MAX such as 0..10.")
    return scale


@contextmanager
def progress(length: int, label: str) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr; a line there where that is no terminal."""
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
