"""The home of a stored response: the upstream that made it, where alone what follows it can be served."""

from __future__ import annotations

from hashlib import blake2b

import msgspec


class Home(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a stored response is, and whose it is.

    `application` is the 32-bit hash of its name; route, variant and upstream are names. `thread` is the
    sticky key of the conversation that the response is a part of: that of its first request, so that what
    follows stays with the variant that began it.
    """

    application: int
    route: str
    variant: str
    upstream: str
    thread: bytes


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Home).decode
"""Raises msgspec.DecodeError."""


def name_of(response: str) -> bytes:
    """What a response is known by here, 16 bytes: a hash, for its id opens it at the upstream."""
    return blake2b(response.encode("utf-8", "surrogatepass"), digest_size=16).digest()
