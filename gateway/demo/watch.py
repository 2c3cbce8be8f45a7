"""Watches the demo's rollout through the admin API, as any console would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from httpx import AsyncClient, HTTPError

from gateway.cli.rollout.history import VERDICT
from gateway.demo.scenario import ROUTE, SEGMENT

EVERY = 0.5
"""Seconds between two looks; a transition is looked at at once."""
AT_REST = frozenset(("promoted", "rolled_back", "inconclusive", "paused"))
"""Phases that nothing but harm or a person ends."""
_ROLLOUT = f"/admin/v1/rollouts/{ROUTE}/{SEGMENT}"


@dataclass(frozen=True, slots=True)
class Moved:
    """One transition, `seconds` after the demo's traffic began; `weight` in percent after it."""

    seconds: float
    actor: str
    cause: str
    before: str
    after: str
    weight: float
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """With the names of the admin API."""
        return {
            "seconds": round(self.seconds, 3),
            "actor": self.actor,
            "cause": self.cause,
            "from": self.before,
            "to": self.after,
            "weight": self.weight,
            "reasons": list(self.reasons),
        }


@dataclass(slots=True)
class Seen:
    """What is known so far; `reading` is the admin API's, empty before the first answer.

    `guardrails` are those of the newest reading in which anybody was compared: at 0 and 100 % nobody is.
    """

    reading: Mapping[str, Any] = field(default_factory=dict)
    guardrails: Sequence[Mapping[str, Any]] = ()
    moved: list[Moved] = field(default_factory=list)

    def take(self, reading: Mapping[str, Any]) -> None:
        """The rollout was looked at."""
        self.reading = reading
        compared = any((one.get("candidate") or {}).get("n") for one in reading["guardrails"])
        if compared or not self.guardrails:
            self.guardrails = reading["guardrails"]

    @property
    def phase(self) -> str:
        """`pending` before anything is known."""
        return str(self.reading.get("phase", "pending"))

    @property
    def rests(self) -> bool:
        """Whether the rollout has gone as far as it goes by itself."""
        return self.phase in AT_REST

    @property
    def weight(self) -> float:
        """The candidate's share of the traffic, in percent."""
        return float(self.reading.get("weight", 0.0))

    @property
    def settled_at(self) -> float | None:
        """Seconds until the rollout came to rest; None: it has not."""
        return self.moved[-1].seconds if self.rests and self.moved else None


class Watch:
    """Asks the gateway at `url` with the operator's `key`; `began` is when traffic did (Unix time).

    `on_move` is told of each transition.
    """

    def __init__(self, url: str, key: str, began: float, on_move: Callable[[Moved], None]) -> None:
        self._client = AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=10.0, trust_env=False
        )
        self._began = began
        self._on_move = on_move
        self._revision = self._told = -1
        self._news = asyncio.Event()
        self.seen = Seen()
        self.rested = asyncio.Event()
        """Set once the rollout has come to rest."""

    async def run(self) -> None:
        """Looks for ever."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await self.look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._news.wait()
                self._news.clear()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def look(self) -> None:
        """Looks once. What does not answer now will the next time, or has gone away, which others notice."""
        with contextlib.suppress(HTTPError, ValueError):
            answer = await self._client.get(_ROLLOUT)
            if answer.status_code != 200:
                return
            reading = answer.json()
            if reading["revision"] != self._revision:
                await self._read_history()
                self._revision = reading["revision"]
            self.seen.take(reading)
            if self.seen.rests:
                self.rested.set()

    async def close(self) -> None:
        """Closes the client."""
        await self._client.aclose()

    async def _read_history(self) -> None:
        answer = (await self._client.get(f"{_ROLLOUT}/history")).raise_for_status()
        for entry in answer.json():
            if entry["revision"] > self._told and entry["cause"] != VERDICT:
                moved = self._moved(entry)
                self.seen.moved.append(moved)
                self._on_move(moved)
            self._told = max(self._told, entry["revision"])

    async def _listen(self) -> None:
        """Server-sent events: each one is a reason to look."""
        while True:
            with contextlib.suppress(HTTPError):
                async with self._client.stream("GET", "/admin/v1/events", timeout=None) as events:
                    async for line in events.aiter_lines():
                        if line.startswith("event:"):
                            self._news.set()
            await asyncio.sleep(EVERY)

    def _moved(self, entry: Mapping[str, Any]) -> Moved:
        seconds = datetime.fromisoformat(entry["time"]).timestamp() - self._began
        return Moved(
            max(seconds, 0.0), entry["actor"], entry["cause"], entry["from"], entry["to"], entry["weight"],
            tuple(entry["reasons"]),
        )  # fmt: skip
