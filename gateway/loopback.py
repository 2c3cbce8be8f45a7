"""What is this machine's own: whom a gateway without keys serves, on either port.

A connection from a loopback address is not enough. A web page that is open here sends from here, under its
own host name if that was made to point here (DNS rebinding); and so does a proxy, for whoever calls it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address

FORWARDING = frozenset((
    b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto",
    b"x-forwarded-server", b"x-original-forwarded-for", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip",
    b"true-client-ip", b"cf-connecting-ip", b"fastly-client-ip", b"x-envoy-external-address",
))  # fmt: skip
"""Headers by which proxies tell for whom they ask."""
_local_name = re.compile(
    rb"(?:127(?:\.[0-9]{1,3}){3}|\[::1\]|(?:[a-z0-9_-]+\.)*localhost|[a-z0-9_-]+)(?::[0-9]{1,5})?",
    re.IGNORECASE,
).fullmatch
"""Also any name without a dot: no stranger can make one point here."""


def is_loopback(address: str) -> bool:
    """Whether an address, as sockets tell it, is this machine's loopback interface."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def is_direct(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is for this machine by a local name, and no proxy says that it hands it on.

    Names of headers are in lower case. A request without a host comes from no browser.
    """
    host = headers.get(b"host")
    return (host is None or _local_name(host) is not None) and FORWARDING.isdisjoint(headers)
