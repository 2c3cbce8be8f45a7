"""PromQL guardrails: asks Prometheus now and then, and remembers what it said."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Iterable, Mapping
from time import time

import httpx

from gateway.control.terms import MILLISECONDS
from routing.rollout.observed import Answer
from routing.rollout.plan import Query

log = logging.getLogger("headgate.control")
APART = 20.0
"""Seconds between two looks."""
TIMEOUT = 5.0
LOOKS = 3


class Queries:
    """`url` and `queries` (by rollout) are those now configured; replaced with the configuration."""

    def __init__(self) -> None:
        self.url = ""
        self.queries: Mapping[str, tuple[Query, ...]] = {}
        self._answers: dict[str, deque[Answer]] = {}
        self._silent = False

    def answers(self, rollout: str) -> dict[str, list[Answer]]:
        """The last answers to each of a rollout's queries, the oldest first, by the query's name."""
        return {one.name: list(self._answers.get(one.query, ())) for one in self.queries.get(rollout, ())}

    async def ask(self) -> None:
        """Asks for ever."""
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client:
            while True:
                if self.url:
                    wanted = {one.query for queries in self.queries.values() for one in queries}
                    await asyncio.gather(*(self._ask(client, query) for query in wanted))
                    self._forget(wanted)
                await asyncio.sleep(APART)

    def _forget(self, wanted: Iterable[str]) -> None:
        for query in set(self._answers).difference(wanted):
            del self._answers[query]

    async def _ask(self, client: httpx.AsyncClient, query: str) -> None:
        value = None
        try:
            response = await client.get(f"{self.url.rstrip('/')}/api/v1/query", params={"query": query})
            value = _value(response.json()) if response.status_code == 200 else None
            self._silent = False
        except (httpx.HTTPError, ValueError) as error:
            if not self._silent:
                log.warning("Prometheus does not answer; its guardrails give no verdict: %s", error)
            self._silent = True
        answers = self._answers.setdefault(query, deque(maxlen=LOOKS))
        answers.append(Answer(round(time() * MILLISECONDS), value))


def _value(answer: object) -> float | None:
    """The number of an instant query's answer: of a scalar, or of a vector of one; None: no such number."""
    match answer:
        case {"data": {"resultType": "scalar", "result": [_, str(text)]}}:
            pass
        case {"data": {"resultType": "vector", "result": [{"value": [_, str(text)]}]}}:
            pass
        case _:
            return None
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value
