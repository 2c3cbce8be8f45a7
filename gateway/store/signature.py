"""Signatures of what is kept in a store that others may write to.

    key id ␠ HMAC-SHA256, in hex ␠ JSON

under a subkey of the signing key. The subject (what it is, whose it is) is signed too, so that nothing passes
for something else. As with request ids, the first key signs and all of them verify: rotating keys is a change
of the list, and what was signed under an old key is signed anew when it is written again, or read
(`renewed`).
"""

from __future__ import annotations

import hmac
from hashlib import blake2b
from typing import Any

import msgspec

from gateway.store.base import Tampered


class Signer:
    """Signs with the first of `keys`, verifies with all."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = {_name(key): _subkey(key) for key in keys}
        self._first = _name(keys[0])

    def sign(self, subject: str, body: Any) -> bytes:
        """`body` as signed JSON; equal bodies give equal bytes."""
        return self._signed(subject, msgspec.json.encode(body, order="sorted"))

    def open(self, subject: str, signed: bytes) -> Any:
        """The body. Raises Tampered."""
        name, text = self._verified(subject, signed)
        if name is None:
            raise Tampered(f"{subject} in the store was not signed by a key of ours")
        return msgspec.json.decode(text)

    def peek(self, subject: str, signed: bytes) -> tuple[Any, bool]:
        """The body whoever signed it (None if it cannot be read), and whether the signature is ours."""
        name, text = self._verified(subject, signed)
        try:
            return msgspec.json.decode(text), name is not None
        except msgspec.DecodeError:
            return None, False

    def renewed(self, subject: str, signed: bytes) -> bytes | None:
        """The same under the first key; None when it is already, or is not ours."""
        name, text = self._verified(subject, signed)
        return None if name in (None, self._first) else self._signed(subject, text)

    def _signed(self, subject: str, text: bytes) -> bytes:
        return b" ".join((self._first, _code(self._keys[self._first], subject, text), text))

    def _verified(self, subject: str, signed: bytes) -> tuple[bytes | None, bytes]:
        """The name of the key that signed it, if it is ours, and the JSON."""
        name, _, rest = signed.partition(b" ")
        code, _, text = rest.partition(b" ")
        key = self._keys.get(name)
        if key is None or not hmac.compare_digest(code, _code(key, subject, text)):
            return None, text
        return name, text


def _code(key: bytes, subject: str, text: bytes) -> bytes:
    return hmac.digest(key, subject.encode() + b"\0" + text, "sha256").hex().encode()


def _name(key: bytes) -> bytes:
    return blake2b(digest_size=4, key=key, person=b"hg-store-key-id").digest().hex().encode()


def _subkey(key: bytes) -> bytes:
    return blake2b(digest_size=32, key=key, person=b"headgate-store").digest()
