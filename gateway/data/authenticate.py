"""Who calls: from the Authorization header to a key of the snapshot."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

from gateway.data.errors import InsufficientScope, InvalidKey
from gateway.data.head import Head
from gateway.data.table import Table
from gateway.loopback import is_direct
from routing.snapshot import Key

EVERY_SCOPE: Final = frozenset(("chat", "outcomes", "pin", "direct", "passthrough", "admin:read", "admin"))
LOCAL: Final = Key(name="local", application="local", application_hash=0, scopes=EVERY_SCOPE)
"""Who calls from this machine when no keys are configured."""
KEYLESS: Final = (
    "This gateway has no keys configured: it serves its own machine only, as localhost or 127.0.0.1 and"
    " through no proxy. To serve others configure 'server.keys' (headgate keys create NAME) and send one."
)
PAGES: Final = (
    "This gateway has no keys configured: it serves no web pages but those whose origin 'server.cors' lists."
    " Configure 'server.keys' too, unless every page of that origin may use the models."
)


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
        _check_local(table, caller)
        return LOCAL
    authorization = caller.head.headers.get(b"authorization", b"")
    key = table.callers.get(authorization) or _look_up(table, authorization)
    if scope not in key.scopes:
        raise InsufficientScope(f"This key does not have the scope '{scope}'.")
    return key


def _check_local(table: Table, caller: Caller) -> None:
    """Without keys programs on this machine are served, and web pages that are its own or listed.

    Raises InvalidKey.
    """
    head = caller.head
    if caller.local and head.direct is None:
        head.direct = is_direct(head.headers)
    if not (caller.local and head.direct):
        raise InvalidKey(KEYLESS)
    origin = head.headers.get(b"origin")
    if origin is None or origin == b"http://" + head.headers.get(b"host", b""):
        return
    if table.cross_origin is None or not table.cross_origin.allows(origin):
        raise InvalidKey(PAGES)


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
