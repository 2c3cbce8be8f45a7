"""Questions to the control plane that are not answered yet.

A control plane that dies is succeeded within a second or so, and what it left unanswered is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Name = TypeVar("Name", int, str)
Reply = TypeVar("Reply")

PATIENCE = 3.0
"""Seconds that an answer may take."""
AGAIN = 0.05
"""Seconds after which what found no room in the channel is sent again."""


class Questions(Generic[Name, Reply]):
    """`send` gives the control plane a message, or returns False when there is no room."""

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        self._send = send
        self._open: dict[Name, tuple[bytes, asyncio.Future[Reply | None]]] = {}

    async def ask(self, name: Name, message: bytes) -> Reply | None:
        """The answer to `message`, which is known by `name`; None when there is none in time."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Reply | None] = loop.create_future()
        self._open[name] = message, answer
        giving_up = loop.call_later(PATIENCE, self.answered, name, None)
        try:
            self._hand(message, answer)
            return await answer
        finally:
            giving_up.cancel()
            del self._open[name]

    def answered(self, name: Name, reply: Reply | None) -> None:
        """The control plane has answered; whoever has given up meanwhile is not told."""
        _, answer = self._open.get(name, (b"", None))
        if answer is not None and not answer.done():
            answer.set_result(reply)

    def again(self) -> None:
        """There is another control plane: it may not know what its predecessor was told."""
        for message, answer in self._open.values():
            self._hand(message, answer)

    def _hand(self, message: bytes, answer: asyncio.Future[Reply | None]) -> None:
        if not answer.done() and not self._send(message):
            asyncio.get_running_loop().call_later(AGAIN, self._hand, message, answer)
