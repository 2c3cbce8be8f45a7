"""The gateway itself: keys, limits, life cycle, and the services beside it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import re2  # type: ignore[import-untyped]
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, Strict, WithJsonSchema

from config.model import Many, Model, PrivateUrl, split_url
from config.names import Name, RouteName
from config.units import Duration, PositiveDuration, PositiveSize

Scope = Literal["chat", "outcomes", "pin", "direct", "passthrough", "admin:read", "admin"]

_HASH = re.compile(r"sha256:[0-9a-f]{64}")


def _hash(value: str) -> str:
    if _HASH.fullmatch(value) is None:
        raise ValueError("must be sha256: and 64 lower-case hex digits, as `headgate keys create` prints it")
    return value


class Key(Model):
    """An API key, known by its hash only; `application` is the key's name when left out."""

    name: Name
    application: Name = Field(default_factory=lambda data: data.get("name", ""))
    hash: Annotated[str, AfterValidator(_hash), WithJsonSchema({"type": "string", "pattern": _HASH.pattern})]
    scopes: Many[Scope] = ("chat", "outcomes")
    routes: Many[RouteName] | None = None


def _signing_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError("must have 32 characters or more; `headgate keys signing` prints one")
    return value


def _without_empty(value: object) -> object:
    return [key for key in value if key not in ("", None)] if isinstance(value, list) else value


SigningKey = Annotated[SecretStr, AfterValidator(_signing_key)]


class Limits(Model):
    """Guards of the data port, per worker. `keep_alive`: how long an idle connection stays open."""

    body: PositiveSize = 20 * 1024 * 1024
    headers: PositiveSize = 32 * 1024
    header_time: PositiveDuration = 10.0
    body_idle: PositiveDuration = 10.0
    keep_alive: PositiveDuration = 75.0
    connections: int = Field(default=4096, ge=1)
    concurrency: int = Field(default=1000, ge=1)


_ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


def _origin(value: str) -> str:
    origin = value.lower()
    if origin != "*" and _ORIGIN.fullmatch(origin) is None:
        raise ValueError("must be an origin, such as https://app.example.com without a path, or *")
    return origin


class Cors(Model):
    """Which web pages' scripts may call the data port, and how long a browser remembers that they may."""

    origins: Annotated[Many[Annotated[str, AfterValidator(_origin)]], Field(min_length=1)]
    max_age: Duration = 600.0


class Server(Model):
    """Keys, limits and life cycle. Without keys only loopback is served, with every scope."""

    keys: Many[Key] = ()
    signing_keys: Annotated[tuple[SigningKey, ...], Strict(False), BeforeValidator(_without_empty)] = ()
    response_headers: Literal["full", "minimal"] = "full"
    limits: Limits = Limits()
    cors: Cors | None = None
    lame_duck: Duration = 5.0
    drain: Duration = 30.0


_NEVER_PASSED = frozenset(
    {"organization", "chat", "completions", "embeddings", "responses", "models", "outcomes"}
)
_PATH = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _passed_path(value: str) -> str:
    if _PATH.fullmatch(value) is None:
        raise ValueError("must be the first part of a path, such as files")
    if value in _NEVER_PASSED:
        raise ValueError("is never passed through")
    return value


class Passthrough(Model):
    """Paths below /v1 that go to one upstream as they are; `body` bounds a request's."""

    upstream: Name
    paths: Many[Annotated[str, AfterValidator(_passed_path)]] = (
        "files", "uploads", "batches", "fine_tuning", "images", "audio", "moderations",
    )  # fmt: skip
    body: PositiveSize = 1 << 30


_SHARED = frozenset({"redis", "rediss", "redis+sentinel"})
_SENTINELS = re.compile(r"(redis\+sentinel://(?:[^/?#]*@)?)([^/?#]*)")


def _store_url(value: SecretStr) -> SecretStr:
    if value.get_secret_value() != "sqlite":
        try:
            for url in _by_host(value.get_secret_value()):
                split_url(url, _SHARED)
        except ValueError as error:
            raise ValueError(f"{error}, or be sqlite") from None
    return value


def _by_host(url: str) -> list[str]:
    """The URL with one host at a time: Sentinels are several, with commas between them."""
    if (found := _SENTINELS.match(url)) is None:
        return [url]
    before, hosts = found.groups()
    return [f"{before}{host}{url[found.end() :]}" for host in hosts.split(",")]


class Store(Model):
    """Where evidence and rollouts live: `sqlite` in the state directory, or a shared store."""

    url: Annotated[SecretStr, AfterValidator(_store_url)] = Field(
        default=SecretStr("sqlite"), json_schema_extra={"default": "sqlite"}
    )

    @property
    def shared(self) -> bool:
        """Whether several replicas may use it."""
        return self.url.get_secret_value() != "sqlite"


def compile_redaction(pattern: str) -> Any:
    """A pattern of `redact`, as an object of RE2's with the methods of `re.Pattern`. Raises ValueError.

    RE2 because its time is linear in the text, and the texts are anybody's.
    """
    try:
        compiled = re2.compile(pattern, _QUIET)
    except re2.error as error:
        told = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(f"is not a regular expression that RE2 knows: {told}") from None
    if compiled.search("") is not None:
        raise ValueError("matches the empty text, and so everywhere")
    return compiled


_QUIET = re2.Options()
_QUIET.log_errors = False


def _redaction(pattern: str) -> str:
    compile_redaction(pattern)
    return pattern


class Capture(Model):
    """The event log in the state directory; prompts and answers only with `content`.

    What a pattern of `redact` matches in them is replaced before anything is written. `features` keeps hashes
    of a prompt's words, enough to learn difficulty from.
    """

    content: bool = False
    features: bool = False
    redact: Many[Annotated[str, AfterValidator(_redaction)]] = ()
    retention: PositiveDuration = 30 * 86_400.0
    max_size: PositiveSize = 10 << 30


class Prometheus(Model):
    """Where PromQL guardrails are asked."""

    url: PrivateUrl
