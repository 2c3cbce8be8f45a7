"""Sticky keys: what pins a caller's choice, and the hashes that make a lot of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Any, Final

from routing.errors import InvalidStickyKey
from routing.facts import Facts
from routing.snapshot import BASIS_POINTS
from routing.text import opening

HEADER: Final = b"x-headgate-key"
LONGEST: Final = 512
"""Bytes of a key sent in the header."""
CONVERSATION: Final = 40
"""Characters of a first user message that tell one conversation from another; "hi" does not."""
REQUEST: Final = "request"
"""The source of a key that is the request itself: every request draws anew."""


def check_key(header: bytes) -> None:
    """Refuses a header key that is too long or not UTF-8. Raises InvalidStickyKey."""
    if len(header) > LONGEST:
        raise InvalidStickyKey
    try:
        header.decode()
    except UnicodeDecodeError:
        raise InvalidStickyKey from None


def sticky_key(sources: tuple[str, ...], facts: Facts) -> tuple[bytes, str]:
    """The key of the first source that has one, and that source.

    Sources are `header`, `metadata.FIELD`, `safety_identifier`, `user` and `conversation`. Equal texts are
    equal keys whatever their source. Without a key the request's nonce is drawn for and the source
    is `request`.
    """
    body = facts.body
    for source in sources:
        value: object
        if source == "header":
            headers = facts.headers
            if HEADER in headers and headers[HEADER]:
                return headers[HEADER], source
            continue
        if source == "conversation":
            conversation = conversation_of(facts)
            if conversation is not None:
                return conversation, source
            continue
        if "." in source:
            metadata = body.get("metadata")
            value = metadata.get(source[9:]) if type(metadata) is dict else None
        else:
            value = body.get(source)
        if value and type(value) is str:
            return value.encode("utf-8", "surrogatepass"), source
    return facts.nonce, REQUEST


def conversation_of(facts: Facts) -> bytes | None:
    """What is the same in every turn of a conversation; None when that is not known.

    A hash of the system prompt and the first user message, unless that has fewer than 40 characters: too many
    conversations begin alike. What follows a stored response brings its newest turn only, and has the key of
    that response's conversation; one that the upstream keeps has an id.
    """
    if facts.home is not None:
        return facts.home.thread
    if facts.endpoint == "responses":
        kept = kept_conversation(facts.body)
        if kept:
            return blake2b(kept.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    system, message = opening(facts.body)
    if len(message) < CONVERSATION:
        return None
    text = f"{system}\0{message}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()


def kept_conversation(body: Mapping[str, Any]) -> str:
    """The id of the conversation that the upstream keeps, and a request of it names; empty without one."""
    conversation = body.get("conversation")
    if type(conversation) is dict:
        conversation = conversation.get("id")
    return conversation if type(conversation) is str else ""


@lru_cache(1_000)
def _keyed(salt: bytes) -> Any:
    """A hash keyed with a salt, to be copied: to key one takes as long as to hash a key."""
    return blake2b(key=salt)


def bucket(salt: bytes, key: bytes) -> int:
    """The bucket of a key, 0 … 9999: the first 8 bytes of its keyed hash, modulo 10,000."""
    return draw(salt, key)[0]


def draw(salt: bytes, key: bytes) -> tuple[int, int]:
    """The bucket of a key, and the 64-bit hash by which its unit is known: the next 8 bytes of the same hash.

    Both tell nothing of the key without the salt, which is keyed with the deployment's secret.
    """
    keyed = _keyed(salt).copy()
    keyed.update(key)
    lot, unit = _lot_and_unit(keyed.digest())
    return lot % BASIS_POINTS, unit


_lot_and_unit: Final = Struct(">QQ").unpack_from
