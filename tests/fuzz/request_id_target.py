"""Request ids: whatever an application reports an outcome for."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from zlib import crc32

from routing.request_id import Identity, InvalidRequestId, Opener, Sealer, nonce_of

KEYS = (b"n" * 32, b"o" * 32)
SALT, NONCE = b"worker", bytes(range(12))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
IDENTITY = Identity(1_800_000_000_000, 1, 2, 3, 4, 5, 6, 7, 1, 3, 2**64 - 1)
VALID = frozenset(Sealer(KEYS[at:], SALT).seal(NONCE, IDENTITY) for at in range(len(KEYS)))
"""Ids of ours that the corpus begins with; nothing else is one."""


def request_id_target(data: bytes) -> None:
    """An id of `data`'s text, one of its bytes, and one of ours with a change that `data` draws."""
    opener = Opener(KEYS)
    judge(opener, data.decode("utf-8", "surrogateescape"))
    judge(opener, data.decode("latin-1"))
    judge(opener, urlsafe_b64encode(data[:81].ljust(81, b"\0")).decode())
    draw = random.Random(crc32(data))
    token = Sealer(KEYS, data[:6].ljust(6, b"\0")).seal(data[6:18].ljust(12, b"\0"), IDENTITY)
    assert opener.open(token) == IDENTITY
    at = draw.randrange(len(token))
    other = draw.choice(ALPHABET.replace(token[at], ""))
    refuse(opener, token[:at] + other + token[at + 1 :])
    refuse(opener, token[:at] + token[at + 1 :])
    refuse(opener, token[:at] + data.decode("latin-1") + token[at:] if data else token + "=")


def judge(opener: Opener, text: str) -> None:
    """What holds for any id."""
    if text not in VALID:
        refuse(opener, text)
        return
    assert opener.open(text) == IDENTITY
    assert nonce_of(text) == NONCE


def refuse(opener: Opener, text: str) -> None:
    """Raises AssertionError when the id is taken; whatever else than a refusal comes up passes."""
    try:
        opener.open(text)
    except InvalidRequestId:
        return
    raise AssertionError("taken for one of ours")
