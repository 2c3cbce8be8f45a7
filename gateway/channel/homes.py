"""Homes of stored responses on their way: from the worker that made one, and to the worker that is asked."""

from __future__ import annotations

import msgspec


class Made(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A response has been made that can be followed: its name and its home, as `routing.home` writes them."""

    name: bytes
    home: bytes


class Asked(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a response is, by its name; `number` tells a worker's questions apart."""

    number: int
    name: bytes


class Told(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The answer; no home: nobody knows of such a response, unless it is not `sure`."""

    number: int
    home: bytes
    sure: bool = True


encode = msgspec.msgpack.Encoder().encode
decode_made = msgspec.msgpack.Decoder(Made).decode
decode_asked = msgspec.msgpack.Decoder(Asked).decode
decode_told = msgspec.msgpack.Decoder(Told).decode
