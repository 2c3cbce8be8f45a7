"""Event logs for tests: events that say little, and what a directory of segments holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from config.server import Capture
from gateway.channel.records import Exposure, Line
from gateway.control.event_log.event_log import EventLog
from gateway.control.event_log.events import Content
from gateway.control.event_log.frames import decompress, get_frame_size

NOON = 1_795_262_400.0
"""2026-11-21, 12:00 UTC."""

_LINE = Line(
    "judge", "solver", "hard", "tuned", "tuned", "rollout", 3, 1, 0, "compared", "ge2800", 4, "ok", 1_000,
    True, False, False,
)  # fmt: skip
_EXPOSURE = Exposure(b"\x01" * 12, NOON, 1, 0xAB, 1.25, 0.5, 1, 100, 20, 30, 4, 0.002, 2)


def exposure(number: int = 1, **fields: Any) -> Exposure:
    """The exposure of request `number`."""
    return msgspec.structs.replace(_EXPOSURE, nonce=number.to_bytes(12, "big"), **fields)


def line(**fields: Any) -> Line:
    """What exposures have in common."""
    return msgspec.structs.replace(_LINE, **fields)


class Clock:
    """A wall clock that stands still."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


class Log(EventLog):
    """An event log on a clock of its own, which counts what it loses."""

    def __init__(
        self, directory: Path, clock: Clock | None = None, held: int = 1 << 24, **capture: Any
    ) -> None:
        self.lost = 0
        super().__init__(directory, Capture(**capture), self._lost_some, held=held, now=clock or Clock())

    def _lost_some(self, count: int) -> None:
        self.lost += count

    def expose(self, *exposures: Exposure, content: Content | None = None, **fields: Any) -> None:
        """Adds these, all of the same content, of a line with these fields."""
        self.exposures(line(**fields), exposures, lambda nonce: content)

    async def write(self, *numbers: int, **fields: Any) -> None:
        """Adds the exposures of these requests and writes them as one batch."""
        for number in numbers:
            self.expose(exposure(number), **fields)
        await self.flush()


def segments(directory: Path) -> list[Path]:
    """Its files, the oldest first."""
    return sorted(directory.iterdir())


def text_of(path: Path) -> str:
    """A segment's lines. Raises ZstdError when it does not hold whole frames alone."""
    data, lines = path.read_bytes(), b""
    while data:
        length = get_frame_size(data)
        lines += decompress(data[:length])
        data = data[length:]
    return lines.decode()


def events(directory: Path) -> list[dict[str, Any]]:
    """Every event of every segment, in order."""
    return [json.loads(line) for path in segments(directory) for line in text_of(path).split("\n")[:-1]]


def requests(directory: Path) -> list[int]:
    """The numbers of the requests whose events are there."""
    return [int(event["request"], 16) for event in events(directory)]
