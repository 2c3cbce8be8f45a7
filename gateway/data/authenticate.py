"""Who calls: from the Authorization header to a key of the snapshot."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

from gateway.data.errors import InsufficientScope, InvalidKey
from gateway.data.head import Head
from gateway.data.table import Table
from routing.snapshot import Key

EVERY_SCOPE: Final = frozenset(("chat", "outcomes", "pin", "direct", "passthrough", "admin:read", "admin"))
LOCAL: Final = Key(name="local", application="local", application_hash=0, scopes=EVERY_SCOPE)
"""Who calls from this machine when no keys are configured."""


class Caller(Protocol):
    """Who sends a request."""

    head: Head

    @property
    def local(self) -> bool:
        """Whether it comes from this machine."""
        ...


def authenticate(table: Table, caller: Caller, scope: str) -> Key:
    """The caller's key. Raises InvalidKey, InsufficientScope."""
    if not table.snapshot.keys:
        if caller.local:
            return LOCAL
        raise InvalidKey("This gateway has no keys configured and serves its own machine only.")
    authorization = caller.head.headers.get(b"authorization", b"")
    key = table.callers.get(authorization) or _look_up(table, authorization)
    if scope not in key.scopes:
        raise InsufficientScope(f"This key does not have the scope '{scope}'.")
    return key


def _look_up(table: Table, authorization: bytes) -> Key:
    """Finds a key by its digest, so that no comparison depends on how much of it is right.

    It is remembered under the header it came with: only ever a right one, by a keyed hash, as long as the
    table is served.
    """
    scheme, _, token = authorization.partition(b" ")
    key = table.snapshot.keys.get(sha256(token).digest())
    if key is None or scheme.lower() != b"bearer":
        raise InvalidKey
    if scheme == b"Bearer":  # one spelling a key
        table.callers[authorization] = key
    return key


def may_use(key: Key, route: str) -> bool:
    """Whether the key is allowed on the route."""
    return key.routes is None or route in key.routes
