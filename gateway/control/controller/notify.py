"""Tells people of transitions: webhooks that take what Slack's incoming webhooks take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

from gateway.control.controller.audit import describe
from routing.rollout.document import Document
from routing.rollout.phases import FOLLOWS
from routing.rollout.transition import Transition

log = logging.getLogger("headgate.control")
TIMEOUT = 5.0
TRIES = 3
PAUSE = 2.0
WAITING = 100
"""Notifications under way at most; beyond it they are dropped."""


class Notifier:
    """Sends in the background; a receiver that is down delays nothing."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, follow_redirects=False)
        self._sending: set[asyncio.Task[None]] = set()

    def tell(self, urls: Iterable[str], document: Document, transition: Transition) -> None:
        """A rollout has moved."""
        body = {
            "text": describe(document, transition),
            "headgate": {"route": document.route, "segment": document.segment, **transition.to_json(int)},
        }
        self._send(document.name, urls, body)

    def recommend(self, urls: Iterable[str], document: Document) -> None:
        """A rollout waits for a person."""
        wanted = document.recommendation or ""
        text = (
            f"{document.name}: {wanted} is recommended and waits for you "
            f"(headgate rollout {FOLLOWS.get(wanted, wanted)} {document.name})."
        )
        place = {"route": document.route, "segment": document.segment, "revision": document.revision}
        body = {"text": text, "headgate": place | {"recommendation": document.recommendation}}
        self._send(document.name, urls, body)

    def _send(self, name: str, urls: Iterable[str], body: object) -> None:
        for url in urls:
            if len(self._sending) >= WAITING:
                log.error("too many notifications wait; one of %s is dropped", name)
                return
            task = asyncio.create_task(self._post(name, url, body))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _post(self, name: str, url: str, body: object) -> None:
        why = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE * attempt)
            try:
                response = await self._client.post(url, json=body)
            except httpx.HTTPError as error:
                why = type(error).__name__
                continue
            if response.status_code < 300:
                return
            why = f"status {response.status_code}"
            if response.status_code < 500 and response.status_code != 429:
                break
        # Neither the rest of the URL nor the answer: webhook URLs are secrets.
        log.error("a notification of %s could not be delivered to %s: %s", name, urlsplit(url).hostname, why)

    async def close(self) -> None:
        """Gives what is under way a moment."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=1.0)
        for task in self._sending:
            task.cancel()
        await self._client.aclose()
