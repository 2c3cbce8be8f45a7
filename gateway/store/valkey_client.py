"""The connection to Valkey or Redis: what its URL means, and calls that end in time and are sent once.

redis-py's defaults suit neither: a read on a server that does not answer took 58.7 s in eleven sends, and a
reply lost after the write repeated the write. Here every connection has time-outs of 0.2 s, nothing is sent
again by the client, and the whole call, connecting and asking Sentinels included, has 0.45 s.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as TimedOut

from gateway.store.base import Unavailable
from gateway.store.valkey_connection import MasterConnection, TLSConnection, TLSMasterConnection, context_of

SOCKET = 0.2
"""Seconds to connect, and for each reply."""
SENTINEL = 0.1
"""The same for a Sentinel: one that does not answer leaves time to ask the next."""
PATIENCE = 0.45
"""Seconds that a whole call may take."""
LISTEN = 5.0
"""Seconds of silence after which a subscription is asked whether it still stands."""
CONNECTIONS = 4
"""At once; further calls wait for one, within their time."""
PORT, SENTINEL_PORT = 6379, 26379

_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OPTIONS = {"prefix", "ca_file", "cert_file", "key_file", "tls", "sentinel_username", "sentinel_password"}


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says.

        redis://[user:password@]host[:6379][/database][?prefix=headgate]
        rediss://…[?ca_file=…&cert_file=…&key_file=…]
        redis+sentinel://[user:password@]host[:26379],host…/service[/database][?tls=true&sentinel_password=…]

    User names and passwords are percent-encoded. Those of a Sentinel URL are the servers'; the Sentinels' own
    are options. Files of TLS are for both.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    prefix: str = "headgate"
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{hosts}/{self.service}" if self.service else hosts


def address_of(url: str) -> Address:
    """Reads a store's URL. Raises ValueError, which never quotes it."""
    scheme, _, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    credentials, _, hosts = authority.rpartition("@")
    parts = urlsplit(f"{scheme}://hosts{rest[len(authority) :]}")  # of several it knows nothing
    username, _, password = credentials.partition(":")
    try:
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError("its options must be name=value, with & between them") from None
    if not set(options) <= _OPTIONS:
        raise ValueError(f"has an option that is not one of {', '.join(sorted(_OPTIONS))}")
    prefix = options.pop("prefix", "headgate")
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError("the prefix must be 1 to 64 letters, digits or any of . _ -")
    sentinel = parts.scheme == "redis+sentinel"
    path = [unquote(part) for part in parts.path.split("/") if part]
    if sentinel and not path:
        raise ValueError("must name the service behind the last host: redis+sentinel://host,host/service")
    service = path.pop(0) if sentinel else ""
    if len(path) > 1 or not all(part.isdecimal() for part in path):
        raise ValueError("must end with the number of a database, if with anything")
    if options.get("tls", "true") not in ("true", "false"):
        raise ValueError("tls must be true or false")
    if not sentinel and "," in hosts:
        raise ValueError("must name one host; several are for redis+sentinel://")
    return Address(
        tuple(_host(host, SENTINEL_PORT if sentinel else PORT) for host in hosts.split(",")),
        service,
        int(path[0]) if path else 0,
        unquote(username) or None,
        unquote(password) or None,
        parts.scheme == "rediss" or options.pop("tls", "false") == "true",
        prefix,
        options,
    )


def _host(text: str, port: int) -> tuple[str, int]:
    """One host and port. Raises ValueError."""
    parts = urlsplit(f"//{text}")
    try:
        given = parts.port
    except ValueError:
        raise ValueError("has a port that is not one") from None
    if not parts.hostname:
        raise ValueError("must name a host")
    return parts.hostname, given or port


class Client:
    """Sends commands and scripts to the master at an address."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._sentinel: Any = None
        self._redis: Any = None
        settings: dict[str, Any] = {
            "protocol": 2,  # what every server and proxy speaks
            "retry": Retry(NoBackoff(), 0),
            "socket_timeout": SOCKET,
            "socket_connect_timeout": SOCKET,
            "socket_keepalive": True,
        }
        if address.tls:
            settings["context"] = context_of(address.options)
        login = {"username": address.username, "password": address.password, "db": address.database}
        plain = TLSConnection if address.tls else Connection
        if address.service:
            names = {name: address.options.get(f"sentinel_{name}") for name in ("username", "password")}
            times = {"socket_timeout": SENTINEL, "socket_connect_timeout": SENTINEL}
            make: Any = Sentinel
            self._sentinel = make(())
            self._sentinel.sentinels = [
                _redis(plain, {**settings, **names, **times, "host": host, "port": port})
                for host, port in address.hosts
            ]
            managed = TLSMasterConnection if address.tls else MasterConnection
            self._redis = self._sentinel.master_for(
                address.service, connection_class=managed, **settings, **login
            )
        else:
            host, port = address.hosts[0]
            self._redis = _redis(plain, {**settings, **login, "host": host, "port": port})

    async def command(self, *words: bytes | str | int) -> Any:
        """The reply to one command. Raises Unavailable."""
        return await self._answer(lambda: self._redis.execute_command(*words))

    async def commands(self, commands: Iterable[Sequence[bytes | str | int]]) -> list[Any]:
        """The replies to commands that are sent together. Raises Unavailable."""
        pipeline = self._redis.pipeline(transaction=False)
        for words in commands:
            pipeline.execute_command(*words)
        replies: list[Any] = await self._answer(pipeline.execute)
        return replies

    async def script(self, text: str, keys: Sequence[str], arguments: Sequence[bytes | str | int]) -> Any:
        """What a script returns. Raises Unavailable."""
        given = (len(keys), *keys, *arguments)

        async def run() -> Any:
            try:
                return await self._redis.execute_command("EVALSHA", _digest(text), *given)
            except NoScriptError:  # not run, because the server does not know it yet
                return await self._redis.execute_command("EVAL", text, *given)

        return await self._answer(run)

    async def _answer(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(PATIENCE), self._free:
                return await ask()
        except (TimeoutError, TimedOut):
            raise Unavailable(f"{self._address}: no answer in time") from None
        except ReadOnlyError as error:
            # What was the master is a replica now: where the master is must be looked up again.
            await self._redis.connection_pool.disconnect(inuse_connections=False)
            raise Unavailable(f"{self._address}: {error}") from error
        except (RedisError, OSError) as error:
            raise Unavailable(f"{self._address}: {error}") from error

    async def listen(self, channel: str) -> AsyncIterator[str]:
        """What is published on a channel, after an empty text once it is being listened to.

        Ends when the server does not answer any more.
        """
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            async with asyncio.timeout(PATIENCE):
                await pubsub.subscribe(channel)
            yield ""
            asked = False
            while True:
                message = await pubsub.get_message(timeout=LISTEN)
                if message is None and asked:
                    return
                if message is None:
                    await pubsub.ping()
                asked = message is None
                if message is not None and message["type"] == "message":
                    yield message["data"].decode(errors="replace")
        except (RedisError, OSError):
            return
        finally:
            await pubsub.aclose()

    async def close(self) -> None:
        """Closes every connection."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def _redis(connection: type[Connection], settings: Mapping[str, Any]) -> Any:
    return Redis.from_pool(ConnectionPool(connection, **settings))


_digests: dict[str, str] = {}


def _digest(text: str) -> str:
    """The SHA-1 by which servers know a script."""
    if text not in _digests:
        _digests[text] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return _digests[text]
