"""`python -m tests.bench [--quick] [--only ROW]… [--rounds N] [--json FILE]`"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from tests.bench.build import Missing
from tests.bench.process import Cores, Failed
from tests.bench.report import save, show
from tests.bench.row import ROWS, line
from tests.bench.session import Plan, Session

NOISE = 0.05
"""The share of the cores in use before the benchmark begins, above which it says so."""


@click.command()
@click.option("--quick", is_flag=True, help="One short round: is it roughly right?")
@click.option(
    "--only", "keys", multiple=True, type=click.Choice([row.key for row in ROWS]), help="This row only."
)
@click.option("--rounds", type=click.IntRange(1), help="Rounds whose medians are shown (3; quick: 1).")
@click.option(
    "--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(quick: bool, keys: tuple[str, ...], rounds: int | None, path: Path | None) -> None:
    """Measures Headgate beside nginx and beside no proxy at all, on pinned cores, and prints the ratios."""
    console = Console()
    rows = [row for row in ROWS if not keys or row.key in keys]
    plan = Plan(
        rounds=rounds or (1 if quick else 3),
        stretch=1.0 if quick else 3.0,
        scenarios=frozenset(row.scenario for row in rows),
    )
    try:
        cores = Cores.of_machine()
        busy = cores.busy()
        os.sched_setaffinity(0, {cores.load})
        with (
            tempfile.TemporaryDirectory(prefix="headgate-bench-") as directory,
            console.status("compiling") as status,
        ):
            say = status.update if console.is_terminal else console.print
            session = Session(plan, cores, Path(directory), say)
            session.run()
    except (Failed, Missing) as error:
        sys.exit(f"bench: {error}")
    lines = [line(row, session.readings) for row in rows]
    show(lines, console)
    if busy > NOISE:
        console.print(
            f"Others used {busy:.0%} of the cores when this began: trust the ratios, not the figures."
        )
    if path:
        save(lines, session.readings, path)


if __name__ == "__main__":
    main()
