"""What a simulated upstream stores: the last responses, which can be followed, asked for and deleted.

GET, DELETE  /responses/ID     POST  /responses/ID/cancel     GET  /responses/ID/input_items
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, unquote

from gateway.providers.simulation import Prompt, Reply
from gateway.providers.simulation_dialect import Event
from gateway.providers.simulation_openai import error
from gateway.providers.simulation_responses import RESPONSES, ending_of, input_items, response_of

KEPT = 1_000
_PATH = re.compile(r"/responses/([^/?]+)(?:/(cancel|input_items))?(?:\?(.*))?")
Answer = tuple[int, Mapping[str, Any] | Iterator[Event]]
"""A status, and what to say: one object, or the events of a stream."""


class NotFound(ValueError):
    """The response that is to be followed is not here."""


@dataclass(slots=True)
class _Kept:
    """One response; it is over at `ready`, in seconds since 1970."""

    reply: Reply
    prompt: Prompt
    ready: float
    cancelled: bool = False

    def status(self, now: float) -> str:
        """How it stands."""
        if self.cancelled:
            return "cancelled"
        return ending_of(self.reply) if now >= self.ready else "in_progress"


class Shelf:
    """The responses of one upstream, the oldest first."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def follow(self, prompt: Prompt) -> Prompt:
        """The prompt with what was said before. Raises NotFound."""
        previous = prompt.body.get("previous_response_id")
        if previous is None:
            return prompt
        kept = self._kept.get(previous) if isinstance(previous, str) else None
        if kept is None:
            raise NotFound("there is no such response")
        return replace(prompt, context=f"{kept.prompt.context}\n{kept.reply.text}\n{prompt.context}")

    def keep(self, prompt: Prompt, reply: Reply, ready: float) -> None:
        """Stores a response, unless its request says not to."""
        if prompt.body.get("store") is False:
            return
        self._kept[f"resp_{reply.id}"] = _Kept(reply, prompt, ready)
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def answer(self, method: str, path: str, now: float) -> Answer | None:
        """The answer to a request for a stored response; None when the path is not one of these."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        name, what, query = unquote(match[1]), match[2] or "", parse_qs(match[3] or "")
        kept = self._kept.get(name)
        if kept is None:
            return 404, error(404, "there is no such response")
        if (method, what) == ("GET", "input_items"):
            return 200, _items(kept)
        if (method, what) == ("POST", "cancel"):
            return self._cancel(kept, now)
        if (method, what) == ("DELETE", ""):
            del self._kept[name]
            return 200, {"id": name, "object": "response", "deleted": True}
        if (method, what) == ("GET", ""):
            if query.get("stream") == ["true"]:
                return 200, _replay(kept, int(query.get("starting_after", ["-1"])[0]))
            return 200, response_of(kept.reply, kept.prompt, kept.status(now))
        return 405, error(405, "no such method here")

    def _cancel(self, kept: _Kept, now: float) -> Answer:
        if kept.prompt.body.get("background") is not True:
            return 400, error(400, "only a response in the background can be cancelled")
        kept.cancelled = kept.cancelled or now < kept.ready
        return 200, response_of(kept.reply, kept.prompt, kept.status(now))


def _items(kept: _Kept) -> Mapping[str, Any]:
    given = reversed(input_items(kept.prompt.body))
    items = [_item(item, f"msg_{kept.reply.id}{number}") for number, item in enumerate(given)]
    ends = [items[0]["id"], items[-1]["id"]] if items else [None, None]
    return {"object": "list", "data": items, "first_id": ends[0], "last_id": ends[1], "has_more": False}


def _item(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    shown = {"id": name, "type": "message", "status": "completed", **item}
    if isinstance(content := item.get("content"), str):
        shown["content"] = [{"type": "input_text", "text": content}]
    return shown


def _replay(kept: _Kept, after: int) -> Iterator[Event]:
    events = RESPONSES.events(kept.reply, kept.prompt, False)
    return (event for event in events if event.data["sequence_number"] > after)
