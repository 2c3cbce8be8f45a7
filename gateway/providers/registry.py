"""Every provider by name: adding one is one file and one line here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import cast

from gateway.providers import litellm
from gateway.providers.base import Provider
from routing.snapshot import Snapshot, Upstream

PROVIDERS = {
    "openai": "gateway.providers.openai:OpenAIProvider",
    "gemini": "gateway.providers.gemini:GeminiProvider",
    "gemini-native": "gateway.providers.gemini_native:NativeGeminiProvider",
    "litellm": "gateway.providers.translated:TranslatedProvider",
    "simulated": "gateway.providers.simulated:SimulatedProvider",
}
"""`module:Class` by name."""


class ProviderRefused(ValueError):
    """An upstream of which no provider can be made; the message is one line that names the upstream."""


def make(upstream: Upstream) -> Provider:
    """The provider of `upstream`, its module imported on first use. Raises ProviderRefused."""
    target = PROVIDERS.get(upstream.provider)
    if target is None:
        known = ", ".join(sorted(PROVIDERS))
        raise ProviderRefused(f"upstreams.{upstream.name}.provider: must be one of {known}")
    module, _, name = target.partition(":")
    try:
        return cast(Provider, getattr(import_module(module), name)(upstream))
    except (ValueError, OSError) as error:
        raise ProviderRefused(f"upstreams.{upstream.name}: {error}") from error


async def prepare(snapshot: Snapshot) -> None:
    """Loads what the snapshot's providers need and a worker that serves could not. Raises ProviderRefused."""
    if not snapshot.translates:
        return
    try:
        litellm.load()
    except ValueError as error:
        raise ProviderRefused(str(error)) from error
    rehearse = import_module("gateway.providers.rehearsal").rehearse
    await rehearse(snapshot)


def within_reach(snapshot: Snapshot) -> bool:
    """Whether this process can serve the snapshot as it is, without loading what would hold it up."""
    return litellm.loaded() or not snapshot.translates


def verify(upstreams: Iterable[Upstream]) -> None:
    """Makes each provider once, before workers have to. Raises ProviderRefused."""
    for upstream in upstreams:
        make(upstream).close()
