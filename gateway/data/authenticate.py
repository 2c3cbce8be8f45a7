"""Who calls: from the Authorization header to a key of the snapshot."""

from __future__ import annotations

from hashlib import sha256

from gateway.data.errors import InsufficientScope, InvalidKey
from gateway.data.request import Request
from routing.snapshot import Key, Snapshot

EVERY_SCOPE = frozenset(("chat", "outcomes", "pin", "direct", "passthrough", "admin:read", "admin"))
LOCAL = Key(name="local", application="local", application_hash=0, scopes=EVERY_SCOPE)
"""Who calls from this machine when no keys are configured."""


def authenticate(snapshot: Snapshot, request: Request, scope: str) -> Key:
    """The caller's key, found by its digest, so that no comparison depends on how much of it is right.

    Raises InvalidKey, InsufficientScope.
    """
    if not snapshot.keys:
        if request.local:
            return LOCAL
        raise InvalidKey("This gateway has no keys configured and serves its own machine only.")
    scheme, _, token = request.head.headers.get(b"authorization", b"").partition(b" ")
    key = snapshot.keys.get(sha256(token).digest())
    if key is None or (scheme != b"Bearer" and scheme.lower() != b"bearer"):
        raise InvalidKey
    if scope not in key.scopes:
        raise InsufficientScope(f"This key does not have the scope '{scope}'.")
    return key
