"""Commands of people: any replica carries them out, and everybody sees them at once."""

from __future__ import annotations

from time import time

from gateway.control.controller.book import Book
from gateway.control.controller.controller import Controller
from gateway.control.controller.follow import Follower
from gateway.control.terms import MILLISECONDS
from gateway.store.base import Conflict, Unavailable
from routing.rollout.command import command
from routing.rollout.document import Document
from routing.rollout.phases import Cause

TRIES = 5


class NoRollout(Exception):
    """There is none of this name."""


class Stale(Exception):
    """The rollout is at another revision than the caller thought."""


class Commands:
    """Carries out what `headgate rollout` and the admin API ask for."""

    def __init__(self, book: Book, follower: Follower, controller: Controller) -> None:
        self._book = book
        self._follower = follower
        self._controller = controller

    async def carry_out(
        self,
        name: str,
        action: Cause,
        *,
        actor: str,
        reason: str = "",
        weight: int | None = None,
        full: bool = False,
        expected: int | None = None,
    ) -> Document:
        """Does it, and returns the document; `weight` in basis points, `expected` the revision asked for.

        Raises NoRollout, Stale, IllegalTransition, StoreError.
        """
        for _ in range(TRIES):
            await self._follower.look()
            if not self._follower.reached:
                raise Unavailable("the store does not answer")
            wish, document = self._book.wishes.get(name), self._book.documents.get(name)
            if wish is None or document is None:
                raise NoRollout
            if expected is not None and document.revision != expected:
                raise Stale
            observed = await self._controller.observe(document)
            now = round(time() * MILLISECONDS)
            step = command(
                document, wish.plan, action, now, actor=actor, reason=reason, weight=weight, full=full,
                observed=observed,
            )  # fmt: skip
            try:
                await self._controller.commit(document, step, wish, None, observed, now)
            except Conflict:
                if expected is not None:
                    raise Stale from None
                continue
            return step.document
        raise Unavailable("others move this rollout all the time")
