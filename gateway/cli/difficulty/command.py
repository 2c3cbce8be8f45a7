"""`headgate difficulty`: its subcommands, which are loaded only when they are asked for."""

from __future__ import annotations

import click

from gateway.cli.commands import Commands

COMMANDS = {
    "train": "gateway.cli.difficulty.train:command",
    "evaluate": "gateway.cli.difficulty.evaluate:command",
    "score": "gateway.cli.difficulty.score:command",
    "show": "gateway.cli.difficulty.show:command",
    "calibrate": "gateway.cli.difficulty.calibrate:command",
}


@click.group(cls=Commands, commands_by_name=COMMANDS)
def command() -> None:
    """Learn how hard requests are, judge what was learnt, and look at it.

    Rows are JSON lines: {"id", "prompt" or "messages", "rating"?, "weak"?, "strong"?}; weak and strong say
    what the two variants made of it, 0 to 1.
    """
