"""The request id: encrypted and authenticated, so that any replica reads days later what was decided.

    1        3        6               12      43           16
    ┌───────┬────────┬───────────────┬───────┬────────────┬─────┐
    │version│key id  │process salt   │nonce  │ciphertext  │tag  │   81 bytes, 108 URL-safe characters
    └───────┴────────┴───────────────┴───────┴────────────┴─────┘
      └ authenticated too ──────────┘

AES-256-GCM under a subkey of every process: blake2b of its random salt, keyed with the signing key. One
subkey thus sees the requests of one process only, and 96-bit random nonces stay far from the 2^32 messages
a key that NIST SP 800-38D allows them. 81 bytes leave no spare bits in base64: one identity, one spelling.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from routing.decision import COMPARED, Decision
from routing.snapshot import Key, Rollout

VERSION: Final = b"\x01"
MAX_SUBKEYS: Final = 1024
"""Processes whose subkeys are remembered; older ones are derived again."""
_KEY_END: Final = 4
_HEAD: Final = 10
_NONCE_END: Final = 22
_CHANCE: Final = 22
_UNIT: Final = (1 << 64) - 1
_layout: Final = Struct(">QIIIIIIBBBQ")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class InvalidRequestId(Exception):
    """Not a request id of ours: forged, damaged, or sealed under a key that is gone."""


class Identity(NamedTuple):
    """What a request id says. Zeros stand for a request that was refused before it was routed.

    `time` is in milliseconds since 1970; the hashes are 32-bit name hashes; `compared` is an index into
    `routing.decision.COMPARED`; `stratum` is 0 for `none`, then 1 for the easiest; `unit` is the keyed 64-bit
    unit hash.
    """

    time: int = 0
    application: int = 0
    route: int = 0
    segment: int = 0
    variant: int = 0
    epoch: int = 0
    period: int = 0
    reference: int = 0
    compared: int = 0
    stratum: int = 0
    unit: int = 0


def identity_of(decision: Decision, key: Key, time: int) -> Identity:
    """The identity of a routed request; `time` in milliseconds since 1970."""
    return Identity(*fields_of(decision, key, time))


def fields_of(decision: Decision, key: Key, time: int) -> tuple[int, ...]:
    """Its fields alone, in a tenth of the time: what makes a named tuple is interpreted."""
    segment = decision.segment
    assignment = segment.assignment
    epoch = period = reference = 0
    if type(assignment) is Rollout:
        epoch, period, reference = assignment.epoch, assignment.period, assignment.reference
    return (
        time, key.application_hash, decision.route.hash, segment.hash, decision.variant.hash,
        epoch, period, reference, _codes[decision.compared], decision.difficulty.stratum_index,
        unit_of(decision, time),
    )  # fmt: skip


def unit_of(decision: Decision, time: int) -> int:
    """What is randomised and compared: the sticky key, or the request itself where there was none.

    Requests are numbered in the order of their time, a few bits of chance behind it: what is written together
    then lies together in a store.
    """
    if decision.key_source != "request":
        return decision.unit
    return time << _CHANCE & _UNIT | decision.unit & ((1 << _CHANCE) - 1)


def is_alone(unit: int, time: int) -> bool:
    """Whether a unit of `unit_of` is a request by itself, of that time; wrong once in 2^42 sticky keys."""
    return unit >> _CHANCE == time & (_UNIT >> _CHANCE)


_codes: Final = {compared: code for code, compared in enumerate(COMPARED)}


class Sealer:
    """Makes the request ids of one process. The first of `keys` seals; `process_salt` is 6 random bytes."""

    def __init__(self, keys: tuple[bytes, ...], process_salt: bytes) -> None:
        self._head = VERSION + _key_id(keys[0]) + process_salt
        self._encrypt = _subkey(keys[0], process_salt).encrypt

    def seal(self, nonce: bytes, identity: tuple[int, ...]) -> str:
        """The request id; `nonce` is 12 random bytes, never used twice in a process.

        `identity` has the fields of an Identity.
        """
        head = self._head
        sealed = self._encrypt(nonce, _layout.pack(*identity), head)
        return b2a_base64(head + nonce + sealed, newline=False).translate(_URL_SAFE).decode()


class Opener:
    """Reads request ids sealed under any of `keys`."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = {VERSION + _key_id(key): key for key in keys}
        self._subkeys: dict[bytes, AESGCM] = {}

    def open(self, token: str) -> Identity:
        """What the id says. Raises InvalidRequestId.

        An id under an unknown key costs the same work as a damaged one under a known key: its timing does
        not tell which keys there are.
        """
        if not is_spelled(token):
            raise InvalidRequestId
        raw = urlsafe_b64decode(token)
        head, nonce, sealed = raw[:_HEAD], raw[_HEAD:_NONCE_END], raw[_NONCE_END:]
        key = self._keys.get(head[:_KEY_END])
        subkey = self._subkeys.get(head) or _subkey(key or _DECOY, head[_KEY_END:])
        try:
            plain = subkey.decrypt(nonce, sealed, head)
        except InvalidTag:
            raise InvalidRequestId from None
        if key is None:
            raise InvalidRequestId
        self._remember(head, subkey)
        return Identity(*_layout.unpack(plain))

    def _remember(self, head: bytes, subkey: AESGCM) -> None:
        """Keeps the subkey of a process that has proved to be ours; strangers cannot crowd it out."""
        if head not in self._subkeys and len(self._subkeys) >= MAX_SUBKEYS:
            del self._subkeys[next(iter(self._subkeys))]
        self._subkeys[head] = subkey


def is_spelled(token: str) -> bool:
    """Whether a text is written as request ids are, whoever made it."""
    return _spelling(token) is not None


def nonce_of(token: str) -> bytes:
    """The random bytes that tell a request apart; for an id that `Opener.open` has accepted."""
    return urlsafe_b64decode(token)[_HEAD:_NONCE_END]


_spelling: Final = re.compile(r"[A-Za-z0-9_-]{108}", re.ASCII).fullmatch
_DECOY: Final = bytes(32)


def _key_id(key: bytes) -> bytes:
    return blake2b(digest_size=3, key=key, person=b"headgate-key-id").digest()


def _subkey(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(blake2b(salt, digest_size=32, key=key, person=b"headgate-subkey").digest())
