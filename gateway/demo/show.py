"""Shows the demo while it runs: a live screen in a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import click
from rich.console import Console
from rich.live import Live

from gateway.cli.rollout.watch import standing
from gateway.demo.board import Board
from gateway.demo.panel import clock, conclusion, told
from gateway.demo.screen import WIDE, Place, how_to_call, how_to_watch, line, screen
from gateway.demo.watch import Moved, Seen

_REFRESH = 0.25
_LINE_EVERY = 5.0


class Show:
    """`moves` are the transitions so far; `refresh` brings the board up to date and tells the seconds."""

    def __init__(
        self,
        place: Place,
        board: Board,
        seen: Seen,
        moves: Sequence[Moved],
        refresh: Callable[[], float],
    ) -> None:
        self._place = place
        self._board = board
        self._seen = seen
        self._moves = moves
        self._refresh = refresh

    async def run(self) -> None:
        """Shows for ever; cancelled, it shows once more how things stand."""
        console = Console()
        if console.is_terminal and not console.is_dumb_terminal:
            await self._screen(console)
        else:
            await self._lines(console)

    async def _screen(self, console: Console) -> None:
        with Live(console=console, screen=True, auto_refresh=False) as live:

            def update() -> None:
                seconds = self._refresh()
                shown = screen(self._place, self._board, self._seen, seconds, console.size)
                live.update(shown, refresh=True)

            try:
                while True:
                    update()
                    await asyncio.sleep(_REFRESH)
            finally:
                update()

    async def _lines(self, console: Console) -> None:
        place = self._place
        at = f"Prometheus at {place.prometheus_url}. " if place.prometheus_port else ""
        click.echo(f"headgate demo, scenario {place.scenario}. {at}{place.note}".rstrip())
        console.print(how_to_call(place, WIDE), soft_wrap=True)
        click.echo(how_to_watch(place))
        shown, due, rested = 0, _LINE_EVERY, False
        try:
            while True:
                await asyncio.sleep(_REFRESH)
                seconds = self._refresh()
                shown = self._moved(shown)
                if self._seen.rests and not rested:
                    click.echo(conclusion(self._seen))
                rested = self._seen.rests
                if seconds >= due:
                    due += _LINE_EVERY
                    if self._seen.reading:
                        click.echo(f"{clock(seconds)}  {standing(self._seen.reading)}")
                    click.echo(line(self._board, seconds))
        finally:
            self._moved(shown)

    def _moved(self, shown: int) -> int:
        """Prints the transitions after so many; returns how many there are."""
        for one in self._moves[shown:]:
            click.echo(told(one))
        return len(self._moves)
