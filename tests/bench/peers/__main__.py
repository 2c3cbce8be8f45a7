"""`python -m tests.bench.peers [--quick] [--rounds N] [--json FILE]`"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from tests.bench.__main__ import NOISE
from tests.bench.build import Missing
from tests.bench.peers.report import save, show
from tests.bench.peers.session import run
from tests.bench.process import Cores, Failed


@click.command()
@click.option("--quick", is_flag=True, help="One short round: is it roughly right?")
@click.option("--rounds", type=click.IntRange(1), help="Rounds whose medians are shown (5; quick: 1).")
@click.option(
    "--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(quick: bool, rounds: int | None, path: Path | None) -> None:
    """Measures Headgate beside nginx, TensorZero and LiteLLM's proxy, all on one core in the same run."""
    console = Console()
    try:
        cores = Cores.of_machine()
        busy = cores.busy()
        os.sched_setaffinity(0, {cores.load})
        with (
            tempfile.TemporaryDirectory(prefix="headgate-bench-") as directory,
            console.status("compiling") as status,
        ):
            say = status.update if console.is_terminal else console.print
            readings = run(rounds or (1 if quick else 5), 1.0 if quick else 2.0, cores, Path(directory), say)
    except (Failed, Missing) as error:
        sys.exit(f"bench: {error}")
    show(readings, console)
    if busy > NOISE:
        console.print(
            f"Others used {busy:.0%} of the cores when this began: trust the ratios, not the figures."
        )
    if path:
        save(readings, path)


if __name__ == "__main__":
    main()
