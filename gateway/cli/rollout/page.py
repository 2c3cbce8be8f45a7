"""The page of one rollout: where it stands, what follows from it and why, and the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gateway.cli.rollout.admin import Entry, Reading, name_of
from gateway.cli.rollout.advice import advice
from gateway.cli.rollout.evidence import Guardrails
from gateway.cli.rollout.history import history
from gateway.cli.rollout.stages import share, way
from gateway.cli.rollout.words import SIGNS, VERDICTS, WHY, clock, duration, moment, percent, phase
from routing.rollout.phases import LIVE

_LABEL = 10
"""Columns of the names at the left."""
LATEST = 3
"""Entries of the history that go with a page."""
_LONGEST = 60
"""Columns of the weight's bar at most."""


class Page:
    """`now` tells how long ago; `pace`: compared units a second by metric, as far as known.

    `suffix` is what commands need here besides the rollout's name; `latest` are entries of the history.
    """

    def __init__(
        self,
        reading: Reading,
        now: datetime,
        pace: Mapping[str, float],
        suffix: str = "",
        latest: Sequence[Entry] = (),
    ) -> None:
        self._reading = reading
        self._now = now
        self._pace = pace
        self._suffix = suffix
        self._latest = latest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        for label, text in self._lines(width):
            yield from _labelled(console, label, text, width)
        if self._reading["phase"] in LIVE or _compares(self._reading):
            yield Text()
            yield Guardrails(self._reading, self._pace)
        if self._latest:
            yield Text("\nLatest", style="dim")
            yield history(self._latest, width)

    def _lines(self, width: int) -> Iterator[tuple[str, Text]]:
        reading = self._reading
        yield "Name", Text.assemble((str(name_of(reading)), "bold"), f"   {self._variants()}")
        yield "Phase", self._phase()
        yield "Weight", share(reading, min(_LONGEST, width - _LABEL - 9))
        yield "Stages", way(reading)
        compared = reading.get("compared")
        if compared is not None and compared < 1 and str(reading["phase"]) in LIVE:
            yield "Compared", Text(f"{percent(compared)} of the users: those on whom this weight drew lots")
        yield from self._verdict()
        for warning in notes(reading):
            yield "Warning", Text(warning, style="yellow")
        yield from advice(reading, self._suffix)

    def _variants(self) -> str:
        return f"{self._reading['candidate']} against {self._reading['baseline']}"

    def _phase(self) -> Text:
        reading = self._reading
        name, reason = str(reading["phase"]), str(reading.get("phase_reason") or "")
        sign, colour = SIGNS.get(name, ("?", ""))
        text = Text.assemble((f"{sign} {phase(name, reason)}", f"bold {colour}"))
        since = moment(reading.get("since"))
        if since is not None:
            text.append(f" for {duration((self._now - since).total_seconds())}")
        text.append(f", mode {reading['mode']}, epoch {reading['epoch']}, revision {reading['revision']}")
        if reason in WHY:
            text.append(f"\n{WHY[reason]}", style=colour)
        until = moment(reading.get("cooldown_until"))
        if until is not None and until > self._now:
            text.append(f"\nthe cool-down ends at {clock(until)} UTC")
        return text

    def _verdict(self) -> Iterator[tuple[str, Text]]:
        verdict = self._reading["verdict"]
        sign, colour = VERDICTS.get(str(verdict["value"]), ("?", ""))
        text = Text.assemble((f"{sign} {verdict['value']}", f"bold {colour}"), f": {verdict['action']}")
        for reason in verdict["reasons"]:
            text.append(f"\n{reason}")
        yield "Verdict", text


def _compares(reading: Reading) -> bool:
    """Whether anybody has been compared at this weight."""
    return any((guardrail.get("candidate") or {}).get("n") for guardrail in reading["guardrails"])


def notes(reading: Reading) -> Iterator[str]:
    """What somebody who reads the figures has to know."""
    ratio: Mapping[str, Any] = reading.get("sample_ratio") or {}
    told = any(reason.startswith("sample ratio") for reason in reading["verdict"]["reasons"])
    if ratio.get("verdict", "pass") != "pass" and not told:
        yield "the variants do not have the shares of users that the lot gave them; nothing is promoted"
    yield from reading.get("warnings") or ()


def _labelled(console: Console, label: str, text: Text, width: int) -> Iterator[Text]:
    """The text beside its label, further lines below its beginning."""
    for line in text.split("\n"):
        for piece in line.wrap(console, max(20, width - _LABEL)):
            piece.rstrip()
            piece.plain = piece.plain.replace("\N{NO-BREAK SPACE}", " ")  # has done its work
            yield Text.assemble((f"{label}:" if label else "").ljust(_LABEL), piece)
            label = ""
