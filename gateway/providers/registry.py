"""Every provider by name: adding one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from gateway.providers.base import Provider
from routing.snapshot import Upstream

PROVIDERS = {
    "openai": "gateway.providers.openai:OpenAIProvider",
    "gemini": "gateway.providers.openai:OpenAIProvider",
    "simulated": "gateway.providers.simulated:SimulatedProvider",
}
"""`module:Class` by name. Gemini is spoken to at Google's OpenAI-compatible endpoint."""


class UnknownProvider(ValueError):
    """A provider's name that is not in the registry."""


def make(upstream: Upstream) -> Provider:
    """The provider of `upstream`, its module imported on first use. Raises UnknownProvider."""
    target = PROVIDERS.get(upstream.provider)
    if target is None:
        known = ", ".join(sorted(PROVIDERS))
        raise UnknownProvider(f"upstreams.{upstream.name}.provider: must be one of {known}")
    module, _, name = target.partition(":")
    return cast(Provider, getattr(import_module(module), name)(upstream))
