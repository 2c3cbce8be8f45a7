"""Watching a rollout: the admin API is asked every second, and what changes is shown.

A gateway that goes away is shown, and asked again until it is back; only the first question has to succeed.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from gateway.cli.rollout.admin import Admin, Entry, Name, Reading, name_of
from gateway.cli.rollout.history import explained, line
from gateway.cli.rollout.pace import Pace
from gateway.cli.rollout.page import LATEST, Page
from gateway.cli.rollout.words import phase, weight

EVERY = 1.0
"""Seconds between two looks."""
PATIENCE = 3.0
"""Seconds that an answer may take."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look came to. `new` are entries of the history since the look before.

    `lost` says why there was no answer this time; then the rest is of the last one, at `at`.
    """

    at: datetime
    reading: Reading
    history: Sequence[Entry]
    new: Sequence[Entry]
    pace: Mapping[str, float]
    lost: str = ""


class Watcher:
    """Looks at one rollout; `name` is whole."""

    def __init__(self, admin: Admin, name: Name) -> None:
        self._admin = admin
        self._name = name
        self._pace = Pace()
        self._history: list[Entry] = []
        self._told: int | None = None
        self._last: Seen | None = None

    def look(self) -> Seen:
        """One look. Raises ClickException if the first one fails."""
        try:
            reading = self._admin.rollout(self._name)
        except click.ClickException as error:
            if self._last is None:
                raise
            self._last = replace(self._last, new=(), lost=error.message)
            return self._last
        new = self._news(int(reading["revision"]))
        now = datetime.now(UTC)
        pace = self._pace.look(reading, now)
        self._last = Seen(now, reading, self._history, new, pace)
        return self._last

    def _news(self, revision: int) -> list[Entry]:
        """Entries since the last look. While the store is away there are none, and the next look has them."""
        if self._told == revision:
            return []
        try:
            self._history = explained(self._admin.history(self._name))
        except click.ClickException:
            return []
        told, self._told = self._told, revision
        if told is None:
            return []
        return [entry for entry in self._history if told < int(entry["revision"]) <= revision]


def watch(watcher: Watcher, console: Console, suffix: str) -> None:
    """Shows it in a screen of its own, or by plain lines where there is no terminal, until interrupted."""
    first = watcher.look()
    with _interruptible():
        if console.is_terminal and not console.is_dumb_terminal:
            _show_screen(watcher, first, console, suffix)
        else:
            _print_lines(watcher, first)


def watch_json(watcher: Watcher) -> None:
    """Prints each reading that differs from the one before, a line each, until interrupted."""
    first, shown = watcher.look(), None
    with _interruptible():
        for seen in _looks(watcher, first):
            if seen.reading != shown:
                shown = seen.reading
                click.echo(json.dumps(shown, ensure_ascii=False))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C leaves, and so do SIGTERM and a closed terminal: the screen is put back first."""
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(*_: object) -> None:
    raise KeyboardInterrupt


def _looks(watcher: Watcher, first: Seen) -> Iterator[Seen]:
    yield first
    while True:
        time.sleep(EVERY)
        yield watcher.look()


def _show_screen(watcher: Watcher, first: Seen, console: Console, suffix: str) -> None:
    seen = first
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for seen in _looks(watcher, first):
                live.update(Cropped(view(seen, datetime.now(UTC), suffix)), refresh=True)
    finally:
        click.echo(standing(seen.reading))


def view(seen: Seen, now: datetime, suffix: str) -> RenderableType:
    """The live view: whether the gateway answers, and the page."""
    return Group(_state(seen, now), Page(seen.reading, now, seen.pace, suffix, seen.history[-LATEST:]))


def _state(seen: Seen, now: datetime) -> Text:
    if seen.lost:
        ago = f"no answer since {seen.at:%H:%M:%S} UTC, asking again"
        return Text(f"{ago}: {seen.lost}", style="bold yellow", no_wrap=True, overflow="ellipsis")
    return Text(f"{now:%H:%M:%S} UTC   Ctrl-C leaves", style="dim")


class Cropped:
    """As much of something as the screen holds; the last line says what is missing."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.size.height
        lines = console.render_lines(self._inner, options.update(height=None), pad=False)
        missing = len(lines) - height
        if missing > 0:
            more = console.get_style("dim")
            lines = [*lines[: height - 1], [Segment(f"… {missing + 1} more lines in a taller window", more)]]
        for number, segments in enumerate(lines):
            if number:
                yield Segment.line()
            yield from segments


def _print_lines(watcher: Watcher, first: Seen) -> None:
    _say(f"{_now()}  {standing(first.reading)}")
    before = first
    for seen in _looks(watcher, first):
        for entry in seen.new:
            _say(line(entry))
        for text in changes(before, seen):
            _say(f"{_now()}  {text}")
        before = seen


def changes(before: Seen, seen: Seen) -> Iterator[str]:
    """What has changed between two looks that no history tells."""
    if bool(before.lost) != bool(seen.lost):
        yield f"no answer: {seen.lost}" if seen.lost else "the gateway answers again"
    wanted = seen.reading.get("recommendation")
    if wanted != before.reading.get("recommendation") and wanted:
        yield f"{wanted} is recommended and waits for you"
    settle = seen.reading.get("settle")
    if settle and not before.reading.get("settle"):
        yield "promoted; the configuration does not say so yet"


def standing(reading: Reading) -> str:
    """How a rollout stands, in one line."""
    verdict = reading["verdict"]
    place = f"{name_of(reading)} {phase(str(reading['phase']), reading.get('phase_reason'))}"
    stage = f"stage {reading['stage']} of {len(reading['stages'])}"
    why = "; ".join(verdict["reasons"])
    found = f"{verdict['value']}, {verdict['action']}" + (f": {why}" if why else "")
    return f"{place} at {weight(reading['weight'])}, {stage}; {found}"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()
