"""Who stands behind an upstream, as the conventions have it: `gen_ai.provider.name`, `server.address`."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from routing.snapshot import Upstream

HOSTS = {
    "api.openai.com": "openai",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "amazonaws.com": "aws.bedrock",
    "api.anthropic.com": "anthropic",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}
"""Providers by the end of their hosts' names."""
VENDORS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Providers by litellm's words for them, where these differ."""
SPOKEN = "openai"
"""Of a host that nobody knows it can be said which API it speaks."""


class Origin(msgspec.Struct, array_like=True, frozen=True):
    """One upstream. `provider` is empty where the model's name tells (`vendor/model`); `port` 0: no host."""

    upstream: str
    provider: str
    address: str = ""
    port: int = 0

    def provider_of(self, model: str) -> str:
        """Who makes this model's answers."""
        if self.provider:
            return self.provider
        vendor, _, rest = model.partition("/")
        return VENDORS.get(vendor, vendor) if rest else "litellm"


def origins_of(upstreams: Iterable[Upstream]) -> list[Origin]:
    """Those of all upstreams; without credentials."""
    return [_origin(upstream) for upstream in upstreams]


def _origin(upstream: Upstream) -> Origin:
    parts = urlsplit(upstream.base_url)
    host = (parts.hostname or "").lower()
    port = 0 if not host else parts.port or (443 if parts.scheme == "https" else 80)
    if upstream.provider == "simulated":
        return Origin(upstream.name, "simulated")
    known = next((name for end, name in HOSTS.items() if host == end or host.endswith(f".{end}")), "")
    if upstream.provider == "litellm":
        return Origin(upstream.name, known, host, port)
    if upstream.provider == "gemini":
        return Origin(upstream.name, known or "gcp.gemini", host, port)
    return Origin(upstream.name, known or SPOKEN, host, port)
