"""Upstreams: endpoints and their credentials, one model a provider."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema

from config.files import ExistingFile
from config.model import BaseUrl, HeaderName, HeaderValue, Many, Model, OptionalCredential
from config.units import Duration, Share, share, write_share

OPENAI_URL = "https://api.openai.com/v1"
GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta/openai"
"""Google's OpenAI-compatible endpoint."""


Endpoint = Literal["chat", "completions", "embeddings", "responses"]


def native_url(url: str) -> str:
    """Where Google's native API is, if `url` is that of the compatible endpoint or has no path at all."""
    url = url.removesuffix("/openai")
    return url if urlsplit(url).path else f"{url}/v1beta"


class OpenAIUpstream(Model):
    """Any OpenAI-compatible server. `headers` and `query` are added to every call.

    `endpoints` are those that it has; requests for others go elsewhere.
    """

    provider: Literal["openai"]
    base_url: BaseUrl = OPENAI_URL
    api_key: OptionalCredential = None
    headers: dict[HeaderName, HeaderValue] = {}
    query: dict[str, HeaderValue] = {}
    ca_file: ExistingFile | None = None
    ask_usage: bool = True
    endpoints: Annotated[Many[Endpoint], Field(min_length=1)] = (
        "chat", "completions", "embeddings", "responses",
    )  # fmt: skip


class GeminiUpstream(Model):
    """Google: through its OpenAI-compatible endpoint, or `api: native` through litellm."""

    provider: Literal["gemini"]
    api: Literal["openai", "native"] = "openai"
    base_url: BaseUrl = GEMINI_URL
    api_key: OptionalCredential = None
    headers: dict[HeaderName, HeaderValue] = {}
    query: dict[str, HeaderValue] = {}
    ca_file: ExistingFile | None = None
    ask_usage: bool = True


VENDORS = (
    "anthropic", "cerebras", "deepinfra", "deepseek", "fireworks_ai", "gemini", "groq",
    "hosted_vllm", "huggingface", "mistral", "nvidia_nim", "ollama_chat", "openai", "openrouter",
    "perplexity", "sambanova", "together_ai", "xai",
)  # fmt: skip
"""litellm's vendors that are known to do with one key and one request a call, which is all that we send."""


class LitellmUpstream(Model):
    """Everything else, translated by litellm; a variant's model is litellm's name, `vendor/model`."""

    provider: Literal["litellm"]
    base_url: BaseUrl | None = None
    api_key: OptionalCredential = None
    headers: dict[HeaderName, HeaderValue] = {}
    ca_file: ExistingFile | None = None


class Latency(Model):
    """Time to the first token, log-normal: its median and 95th percentile, in seconds."""

    median: Duration = 0.0
    p95: Duration = Field(default_factory=lambda data: data.get("median", 0.0))


_RATING = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?")


def _latency(value: object) -> object:
    return {"median": value} if isinstance(value, str) else value


def _pass_rate(value: object) -> object:
    """Points (rating, basis points) by rising rating, of one share or a mapping rating → share."""
    if not isinstance(value, dict):
        return ((0.0, share(value)),)
    if not value:
        raise ValueError("needs at least one rating")
    if not all(isinstance(rating, str) and _RATING.fullmatch(rating) for rating in value):
        raise ValueError("must map ratings to percentages, such as {800: 99%, 2500: 40%}")
    return tuple(sorted((float(rating), share(written)) for rating, written in value.items()))


def _write_pass_rate(points: tuple[tuple[float, int], ...]) -> dict[str, str]:
    return {f"{rating:g}": write_share(passed) for rating, passed in points}


PassRate = Annotated[
    tuple[tuple[float, int], ...],
    BeforeValidator(_pass_rate),
    PlainSerializer(_write_pass_rate, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
    ),
]


class SimulatedUpstream(Model):
    """An upstream inside the gateway; `pass_rate` holds points (rating, basis points), rising."""

    provider: Literal["simulated"]
    latency: Annotated[Latency, BeforeValidator(_latency, json_schema_input_type=Duration | Latency)] = (
        Latency()
    )
    tokens_per_second: float = Field(default=0.0, ge=0)
    error_rate: Share = 0
    pass_rate: PassRate = Field(default=((0.0, 10_000),), json_schema_extra={"default": "100%"})
    book: ExistingFile | None = None
    seed: int | None = None


PROVIDERS = ("openai", "gemini", "litellm", "simulated")


def _provider(value: Any) -> Any:
    return value.get("provider") if isinstance(value, dict) else getattr(value, "provider", None)


Upstream = Annotated[
    Annotated[OpenAIUpstream, Tag("openai")]
    | Annotated[GeminiUpstream, Tag("gemini")]
    | Annotated[LitellmUpstream, Tag("litellm")]
    | Annotated[SimulatedUpstream, Tag("simulated")],
    Discriminator(_provider),
]
