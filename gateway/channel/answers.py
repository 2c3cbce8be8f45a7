"""Whole answers on their way to the control plane, for routes whose answers it judges or keeps."""

from __future__ import annotations

import msgspec

LARGEST = 2 * 1024 * 1024 - 64 * 1024
"""Bytes of an answer, and of a prompt, that travel: each nearly half of what the channel holds."""


class Answered(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An answer as the client got it: JSON, or the events of a stream; empty when it was too large.

    `identity` and `nonce` are those of the request id; route and variant are names, the variant as assigned.
    `prompt` is the request's body where content is captured, else empty; `features` are JSON,
    empty where they are not captured or the prompt has no text.
    """

    identity: tuple[int, ...]
    nonce: bytes
    route: str
    variant: str
    body: bytes
    prompt: bytes = b""
    features: bytes = b""


class Copied(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A shadow's answer to a copy, which is judged and that is all; empty when it was too large."""

    route: str
    segment: str
    variant: str
    body: bytes


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Answered).decode
decode_copied = msgspec.msgpack.Decoder(Copied).decode
