"""Where stored responses live: what this worker has made, and whom it asks for the rest.

A response's id belongs to its upstream and reaches the client as it is, so nothing can be written into it;
the gateway remembers instead. What a worker makes it tells the control plane before the client has the id,
which keeps it for the other workers and brings it to the store for the other replicas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from gateway.channel.homes import Asked, Made, Told, encode
from gateway.channel.link import Kind
from gateway.data.questions import AGAIN, Questions
from routing import home
from routing.home import Home, name_of

REMEMBERED = 10_000
"""Responses that a worker remembers by itself: a few hundred bytes each."""
UNSENT = 10_000
"""What was made and found no room in the channel: so many are sent again."""


class Unsure(Exception):
    """Nobody can say now where a response is."""


class Homes:
    """`send` gives the control plane a message, or returns False when there is no room.

    `lost` counts what will never be told.
    """

    def __init__(self, send: Callable[[Kind, bytes], bool], lost: Callable[[], None]) -> None:
        self._send = send
        self._lost = lost
        self._known: dict[bytes, Home] = {}
        self._questions: Questions[int, Told] = Questions(partial(send, Kind.WHERE))
        self._asked = 0
        self._unsent: list[bytes] = []

    def made(self, response: str, its: Home) -> None:
        """A response has been made, and its id is about to be told."""
        name = name_of(response)
        self._remember(name, its)
        message = encode(Made(name, home.encode(its)))
        if self._unsent or not self._send(Kind.MADE, message):
            self._hold(message)

    async def find(self, response: str) -> Home | None:
        """The home of a response; None when it is not known. Raises Unsure when nobody says so in time."""
        name = name_of(response)
        known = self._known.get(name)
        if known is not None:
            return known
        self._asked += 1
        told = await self._questions.ask(self._asked, encode(Asked(self._asked, name)))
        if told is None or not told.sure:
            raise Unsure
        found = _read(told.home)
        if found is not None:
            self._remember(name, found)
        return found

    def told(self, answer: Told) -> None:
        """The control plane has answered."""
        self._questions.answered(answer.number, answer)

    def again(self) -> None:
        """There is another control plane: it may not have been asked."""
        self._questions.again()

    def _remember(self, name: bytes, its: Home) -> None:
        self._known.pop(name, None)
        self._known[name] = its
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def _hold(self, message: bytes) -> None:
        """Keeps what found no room until there is some."""
        if len(self._unsent) >= UNSENT:
            self._lost()
            return
        self._unsent.append(message)
        if len(self._unsent) == 1:
            asyncio.get_running_loop().call_later(AGAIN, self._retry)

    def _retry(self) -> None:
        sent = 0
        while sent < len(self._unsent) and self._send(Kind.MADE, self._unsent[sent]):
            sent += 1
        del self._unsent[:sent]
        if self._unsent:
            asyncio.get_running_loop().call_later(AGAIN, self._retry)


def _read(written: bytes) -> Home | None:
    """A home as it travels; None for what is none."""
    try:
        return home.decode(written) if written else None
    except msgspec.DecodeError:
        return None
