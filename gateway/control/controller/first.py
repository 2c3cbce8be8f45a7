"""The first look at the store, before anything is served: so that the first snapshot is the right one."""

from __future__ import annotations

import contextlib
from time import time

from gateway.control.controller.book import Book
from gateway.control.controller.follow import Follower
from gateway.control.controller.heartbeat import Heart
from gateway.control.controller.recent import Newest
from gateway.control.controller.wishes import wishes_of
from gateway.control.source import Source
from gateway.store.base import StoreError
from gateway.store.registry import make
from routing.rollout.document import Document

UNIT_KEY = "unit key"
"""The name under which replicas share the secret behind salts and unit hashes."""


async def first_look(source: Source) -> tuple[bytes, dict[str, Document]]:
    """The shared unit key and the rollouts' documents; those of `source`, while the store is away.

    A rollout that nobody knows begins. Takes a second at most.
    """
    config, unit_key = source.loaded.config, source.secrets.unit_key
    book = Book(source.documents, lambda: None, lambda document, before: None)
    book.wishes = wishes_of(config)
    store = make(config.store.url.get_secret_value(), source.state, source.snapshot.signing_keys)

    async def claim() -> None:
        nonlocal unit_key
        unit_key = await store.claim(UNIT_KEY, unit_key)

    follower = Follower(store, book, claim)
    try:
        await follower.look()
        if follower.reached and book.wishes:
            with contextlib.suppress(StoreError):
                # Before anything is served, so that no other replica takes itself for the only one.
                await Heart(store, source.replica, book, Newest()).beat(time())
    finally:
        await store.close()
    return unit_key, book.documents
