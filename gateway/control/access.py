"""Who may do what on the admin port."""

from __future__ import annotations

from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from fastapi import Request

from gateway.control.errors import Refusal
from routing.snapshot import Key, Snapshot

READ = frozenset(("admin", "admin:read"))
WRITE = frozenset(("admin",))
LOCAL = Key(name="local", application="local", application_hash=0, scopes=READ)
"""The operator at this machine when no keys are configured."""
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def admit(snapshot: Snapshot, request: Request, scopes: frozenset[str]) -> Key:
    """The caller's key, which has one of `scopes`. Raises Refusal: 401, 403.

    Without configured keys only this machine is served, and only under a name of this machine: a web page
    whose host name was made to point here is not the operator (DNS rebinding).
    """
    if not snapshot.keys:
        if _is_local(request.client.host if request.client else "") and _is_local(_host(request)):
            return LOCAL
        raise Refusal(
            401,
            "This gateway has no keys configured and serves its own machine only.",
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


def _host(request: Request) -> str:
    return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
