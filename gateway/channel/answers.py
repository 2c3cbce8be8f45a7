"""Whole answers on their way to the control plane, for routes whose answers it judges or keeps."""

from __future__ import annotations

import msgspec

LARGEST = 2 * 1024 * 1024
"""Bytes of an answer that travels: half of what the channel holds, some 7,000 tokens of a stream."""


class Answered(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An answer as the client got it: JSON, or the events of a stream; empty when it was too large.

    `identity` and `nonce` are those of the request id; route and variant are names, the variant as assigned.
    """

    identity: tuple[int, ...]
    nonce: bytes
    route: str
    variant: str
    body: bytes


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Answered).decode
