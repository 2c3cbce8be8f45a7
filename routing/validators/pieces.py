"""The pieces of one answer on their way to a text, within the bound of what is judged."""

from __future__ import annotations

from typing import Any

LARGEST = 256 * 1024
"""Bytes of UTF-8 that an answer may have to be judged."""


class NoText(Exception):
    """There is no text: an error, a refusal, or something that is no answer."""


class TooLarge(Exception):
    """The text passes the bound."""


class Pieces:
    """Collects content and a tool's arguments, and stops at the bound rather than at the end."""

    def __init__(self) -> None:
        self.seen = False
        """Whether there was a first choice at all."""
        self._content: list[str] = []
        self._arguments: list[str] = []
        self._size = 0
        self._call: object = None

    def add_content(self, content: Any) -> None:
        """Content as it comes: a text, a list of parts, or nothing. Raises NoText, TooLarge."""
        if type(content) is list:
            for part in content:
                if type(part) is dict:
                    if part.get("refusal"):
                        raise NoText
                    self._add(self._content, part.get("text"))
        else:
            self._add(self._content, content)

    def is_first_call(self, identity: object) -> bool:
        """Whether a piece belongs to the first tool call; pieces after a call's first have no identity."""
        if identity and self._call is None:
            self._call = identity
        return not identity or identity == self._call

    def add_arguments(self, arguments: Any) -> None:
        """A piece of the first tool call's arguments. Raises TooLarge."""
        self._add(self._arguments, arguments)

    def text(self) -> str:
        """The whole. Raises NoText when there was no answer."""
        if not self.seen:
            raise NoText
        return "".join(self._content) or "".join(self._arguments)

    def _add(self, pieces: list[str], piece: Any) -> None:
        if type(piece) is str:
            self._size += len(piece) if piece.isascii() else len(piece.encode())
            if self._size > LARGEST:
                raise TooLarge
            pieces.append(piece)
