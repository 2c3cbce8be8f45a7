"""Connections of the Valkey store: plain, over TLS, and to the master that Sentinels name.

redis-py makes a TLS context for each connection, which takes 20 ms of the event loop each, and trusts the
system's authorities beside the one that was given. Here one context serves all, and a given authority is the
only one.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import Connection
from redis.asyncio.sentinel import SentinelManagedConnection


class TLSConnection(Connection):
    """Over TLS, by `context`."""

    def __init__(self, *, context: ssl.SSLContext, **settings: Any) -> None:
        self._context = context
        super().__init__(**settings)

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "ssl": self._context}


class MasterConnection(SentinelManagedConnection):
    """To the master that Sentinels name."""


class TLSMasterConnection(SentinelManagedConnection, TLSConnection):
    """The same over TLS."""


def context_of(options: Mapping[str, str]) -> ssl.SSLContext:
    """The TLS context of a URL's options `ca_file`, `cert_file` and `key_file`. Raises ValueError."""
    try:
        context = ssl.create_default_context(cafile=options.get("ca_file"))
        if "cert_file" in options:
            context.load_cert_chain(options["cert_file"], options.get("key_file"))
    except OSError as error:  # ssl.SSLError too
        raise ValueError(f"its certificates cannot be read: {error.strerror or error}") from None
    return context
