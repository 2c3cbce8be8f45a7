"""A refusal made here: the provider cannot take the request, so nothing is sent."""

from __future__ import annotations

from gateway.providers.reading import Reading
from gateway.providers.translation import refusal_body
from gateway.providers.translation_parts import Unfit


class Refused(Reading):
    """A 400 in OpenAI's envelope; an `Answer`."""

    status = 400

    def __init__(self, unfit: Unfit) -> None:
        self.headers = {b"content-type": b"application/json"}
        self._body = refusal_body(unfit)

    async def arrive(self) -> None:
        """It is here already."""

    async def read(self) -> bytes:
        """The body, then nothing."""
        body, self._body = self._body, b""
        return body

    def commit(self) -> None:
        """A refusal is no stream."""

    def leave(self) -> None:
        """There is nothing to leave."""

    def close(self) -> None:
        """There is nothing to close."""
