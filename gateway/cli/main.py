"""The command `headgate`: finds the subcommands, which are loaded only when they are asked for."""

from __future__ import annotations

from importlib.metadata import version

import click

from gateway.cli.commands import Commands
from gateway.compiled import manner

COMMANDS = {
    "serve": "gateway.cli.serve:command",
    "demo": "gateway.cli.demo:command",
    "check": "gateway.cli.check:command",
    "explain": "gateway.cli.explain:command",
    "outcome": "gateway.cli.outcome:command",
    "rollout": "gateway.cli.rollout.command:command",
    "simulate": "gateway.cli.simulate.command:command",
    "upstream": "gateway.cli.upstream:command",
    "difficulty": "gateway.cli.difficulty.command:command",
    "keys": "gateway.cli.keys:command",
}


@click.group(
    cls=Commands,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(version("headgate"), message=f"headgate %(version)s ({manner()})")
def main() -> None:
    """Moves your application's traffic to your fine-tuned model in stages, on evidence.

    Exit status: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage.
    """


if __name__ == "__main__":
    main(prog_name="headgate")
