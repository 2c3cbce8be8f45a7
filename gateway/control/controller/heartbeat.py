"""Heartbeats: replicas tell one another that they live, and which definition of each rollout they have."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from gateway.control.controller.book import Book
from gateway.control.controller.recent import Newest
from gateway.store.base import Store
from routing.rollout.observed import Recent

TTL = 5.0
"""Seconds after which a replica that says nothing is taken for gone."""
AGREED = 10.0
"""Seconds for which all have to have had a new definition before its epoch opens."""


class Heart:
    """One replica's. `name` is the same after a restart of its control plane."""

    def __init__(self, store: Store, name: str, book: Book, newest: Newest) -> None:
        self._store = store
        self._name = name
        self._book = book
        self._newest = newest
        self._agreed: dict[str, tuple[str, float]] = {}
        self._others: Mapping[str, Mapping[str, Any]] = {}

    async def beat(self, now: float) -> None:
        """Tells the others, and hears them; `now` in seconds since 1970. Raises StoreError."""
        wishes = self._book.wishes
        body = {
            "definitions": {name: wish.identity.definition for name, wish in wishes.items()},
            "baselines": {name: list(self._newest.baseline(name, now)) for name in wishes},
        }
        await self._store.beat(self._name, body, TTL)
        replicas = await self._store.replicas()
        self._others = {name: body for name, body in replicas.items() if name != self._name}

    @property
    def alone(self) -> bool:
        """Whether no other replica lives."""
        return not self._others

    def agreed(self, rollout: str) -> bool:
        """Whether every replica that lives has had our definition of the rollout for long enough.

        Alone, at once.
        """
        ours = self._book.wishes[rollout].identity.definition
        if self.alone:
            return True
        if self._theirs(rollout) != {ours}:
            self._agreed.pop(rollout, None)
            return False
        since = self._agreed.get(rollout)
        if since is None or since[0] != ours:
            self._agreed[rollout] = ours, monotonic()
            return False
        return monotonic() - since[1] >= AGREED

    def others_have(self, rollout: str, definition: str) -> bool:
        """Whether the configuration of another replica has the rollout, in this definition."""
        return definition in self._theirs(rollout)

    def _theirs(self, rollout: str) -> set[str | None]:
        return {body.get("definitions", {}).get(rollout) for body in self._others.values()}

    def baseline(self, rollout: str, now: float) -> Recent:
        """The baseline's newest requests, of all replicas."""
        found = [self._newest.baseline(rollout, now)]
        for body in self._others.values():
            match body.get("baselines", {}).get(rollout):
                case [int(requests), int(failed)]:
                    found.append(Recent(requests, failed))
        return Recent(sum(one.requests for one in found), sum(one.failed for one in found))
