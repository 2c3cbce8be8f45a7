"""Every store by the scheme of its URL: adding one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from gateway.store.base import Store

STORES = {
    "sqlite": "gateway.store.sqlite:SQLiteStore",
    "redis": "gateway.store.valkey:ValkeyStore",
    "rediss": "gateway.store.valkey:ValkeyStore",
    "redis+sentinel": "gateway.store.valkey:ValkeyStore",
}
"""`module:Class` by scheme; a class is made of URL, state directory and signing keys, and does no I/O yet."""


class StoreRefused(ValueError):
    """A URL of which no store can be made; the message is one line and never quotes it."""


def make(url: str, directory: Path, keys: tuple[bytes, ...]) -> Store:
    """The store at `url`; `directory` is the state directory. Raises StoreRefused."""
    target = STORES.get(url.partition(":")[0])
    if target is None:
        raise StoreRefused(f"store.url: must be sqlite or begin with one of {', '.join(_shared())}")
    module, _, name = target.partition(":")
    try:
        return cast(Store, getattr(import_module(module), name)(url, directory, keys))
    except ValueError as error:
        raise StoreRefused(f"store.url: {error}") from None


def _shared() -> list[str]:
    return [f"{scheme}://" for scheme in STORES if scheme != "sqlite"]
