"""Commands that are loaded only when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class Commands(click.Group):
    """A group whose commands are named as `module:attribute`, so that none pays for what another imports."""

    def __init__(self, *arguments: Any, commands_by_name: dict[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._names = commands_by_name

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(self._names)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The click command behind `name`."""
        if name not in self._names:
            return None
        module, _, attribute = self._names[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command
