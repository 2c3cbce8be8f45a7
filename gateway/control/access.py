"""Who may do what on the admin port."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import urlsplit

from fastapi import Request

from gateway.control.errors import Refusal
from gateway.loopback import is_direct, is_loopback
from routing.snapshot import Key, Snapshot

READ = frozenset(("admin", "admin:read"))
WRITE = frozenset(("admin",))
LOCAL = Key(name="local", application="local", application_hash=0, scopes=READ)
"""The operator at this machine when no keys are configured."""
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def admit(snapshot: Snapshot, request: Request, scopes: frozenset[str]) -> Key:
    """The caller's key, which has one of `scopes`. Raises Refusal: 401, 403.

    Without configured keys only this machine is served, and only under a name of this machine: a web page
    whose host name was made to point here is not the operator (DNS rebinding), and a proxy's client neither.
    """
    if not snapshot.keys:
        if is_loopback(request.client.host if request.client else "") and is_direct(
            dict(request.headers.raw)
        ):
            return LOCAL
        raise Refusal(
            401,
            "This gateway has no keys configured: it serves its own machine only, as localhost or 127.0.0.1"
            " and through no proxy. Configure a key with the scope 'admin' in 'server.keys'.",
            code="invalid_api_key",
        )
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = snapshot.keys.get(sha256(token.encode("latin-1")).digest())
    if key is None or scheme.lower() != "bearer":
        raise Refusal(
            401,
            "The API key is missing or not valid. Send it as 'Authorization: Bearer <key>'.",
            code="invalid_api_key",
        )
    if key.scopes.isdisjoint(scopes):
        wanted = " or ".join(f"'{scope}'" for scope in sorted(scopes))
        raise Refusal(403, f"This key does not have the scope {wanted}.", code="insufficient_scope")
    return key


def same_origin(request: Request) -> None:
    """Refuses what another site's page sends with its visitor's rights. Raises Refusal: 403."""
    origin = request.headers.get("origin")
    if request.method in SAFE or origin is None:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Refusal(403, "Requests from other sites' pages are refused.", code="cross_origin")
