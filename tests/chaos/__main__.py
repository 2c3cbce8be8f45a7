"""`python -m tests.chaos [--short] [--only ROW]… [--json FILE]`"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from tests.chaos.lab import Lab
from tests.chaos.report import save, show
from tests.chaos.rows import ROWS


@click.command()
@click.option("--short", is_flag=True, help="Every fault in its smallest form, as the CI has it.")
@click.option(
    "--only", "keys", multiple=True, type=click.Choice([row.key for row in ROWS]), help="This row only."
)
@click.option(
    "--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(short: bool, keys: tuple[str, ...], path: Path | None) -> None:
    """Brings about every fault that docs/faults.md tells of and shows what happened.

    The exit status is 1 when something that must be seen was not.
    """
    console = Console()
    findings = []
    with (
        tempfile.TemporaryDirectory(prefix="headgate-chaos-") as directory,
        Lab(Path(directory), short=short) as lab,
        console.status("") as status,
    ):
        for row in ROWS:
            if row.key not in keys and (keys or row.asked):
                continue
            status.update(row.fault)
            finding = lab.run(row)
            console.print(f"{finding.verdict():8} {row.key} ({finding.seconds:.1f} s)")
            findings.append(finding)
    show(findings, console)
    if path:
        save(findings, path, short=short)
    sys.exit(any(finding.held is False for finding in findings))


if __name__ == "__main__":
    main()
