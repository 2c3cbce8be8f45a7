"""The command `headgate`: finds the subcommands, which are loaded only when they are asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import click

COMMANDS = {
    "serve": "gateway.cli.serve:command",
    "demo": "gateway.cli.demo:command",
    "check": "gateway.cli.check:command",
    "explain": "gateway.cli.explain:command",
    "outcome": "gateway.cli.outcome:command",
    "rollout": "gateway.cli.rollout.command:command",
    "upstream": "gateway.cli.upstream:command",
    "keys": "gateway.cli.keys:command",
}


class Commands(click.Group):
    """Loads `COMMANDS` on use, so that `headgate serve` does not pay for what `headgate demo` imports."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The click command behind `name`."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("headgate"), prog_name="headgate")
def main() -> None:
    """Moves your application's traffic to your fine-tuned model in stages, on evidence.

    Exit status: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage.
    """


if __name__ == "__main__":
    main(prog_name="headgate")
