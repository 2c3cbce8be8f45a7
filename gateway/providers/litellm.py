"""litellm: the only file that imports it, late and on condition.

It costs seconds and some 150 MB to import, reads the environment, and by itself would ask the network for
price lists. So workers load it before they are ready, and only when a variant needs it; what steers it is
set here; and from then on nothing in the process reaches the network but by the event loop, that is, by our
own connections.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

EXTRA = "pip install 'headgate[litellm]'"
SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",  # else it reads the .env file of wherever it was started
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOG": "ERROR",
}
"""Set before the import."""
_STEERING = re.compile(
    r"LITELLM_.*|(?!HEADGATE_|OTEL_).*_(?:KEY|TOKEN|SECRET|CREDENTIALS|BASE|URL|HOST|ENDPOINT|ORGANIZATION)"
    r"|(?:https?|all|no)_proxy|USE_DDTRACE",
    re.IGNORECASE,
)
"""Variables by which it would be told of other keys, hosts and proxies than the configuration's."""
_FORBIDDEN = frozenset(
    ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto")
)
"""Audit events of Python's own sockets; uvloop, which carries our connections, has none of them."""


class Untranslatable(Exception):
    """litellm cannot write this request for this model; `param` is the field, when it is known."""

    def __init__(self, param: str | None) -> None:
        super().__init__(param)
        self.param = param


def missing() -> str:
    """Why litellm cannot be loaded, as one line that says what to do; empty when it can. Imports nothing."""
    if importlib.util.find_spec("litellm") is None:
        return f"needs litellm, which is not installed: {EXTRA}"
    wanted, found = _pinned(), importlib.metadata.version("litellm")
    if wanted and found != wanted:
        return f"needs litellm {wanted}, not {found}: {EXTRA}"
    return ""


@cache
def _pinned() -> str:
    """The version that the extra pins; empty when our own metadata do not tell."""
    try:
        requirements = importlib.metadata.requires("headgate") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    found = (re.match(r"litellm==([^\s;]+)", requirement) for requirement in requirements)
    return next((match[1] for match in found if match), "")


def loaded() -> bool:
    """Whether it has been imported."""
    return "litellm" in sys.modules


def load() -> None:
    """Imports it with everything off that is not translation. Raises ValueError when it is not there.

    Takes seconds, during which nothing else runs: not to be called by a worker that serves. Changes the
    process for good: its environment, and what may open a connection.
    """
    if loaded():
        return
    if reason := missing():
        raise ValueError(reason)
    for name in [name for name in os.environ if _STEERING.fullmatch(name)]:
        del os.environ[name]
    os.environ.update(SETTINGS)
    sys.addaudithook(_stay_inside)
    try:
        litellm: Any = importlib.import_module("litellm")
    except Exception as error:
        raise ValueError(f"litellm cannot be imported: {type(error).__name__}: {error}") from error
    _silence(litellm)
    _connect(litellm)
    gemini_request("gemini-2.5-flash", [{"role": "user", "content": "."}], {})  # loads what it has put off


def _stay_inside(event: str, arguments: object) -> None:
    if event in _FORBIDDEN:
        raise PermissionError("only the gateway's own connections may leave a worker")


def _silence(litellm: Any) -> None:
    """No telemetry, retries, callbacks, caches, token counting, nor words of its own in the log."""
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.num_retries = 0
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_token_counter = True
    litellm.disable_hf_tokenizer_download = True
    litellm.drop_params = False
    litellm.modify_params = False
    for name in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.disabled = True  # it quotes requests


def _connect(litellm: Any) -> None:
    """Has every HTTP client that it makes send through our own connections: see `wire`."""
    transport = _module("gateway.providers.wire").Transport
    handler = _module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
    handler.create_async_transport = staticmethod(lambda **_: transport())
    litellm.aclient_session = _module("httpx").AsyncClient(
        transport=transport(), trust_env=False, follow_redirects=False
    )


@cache
def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def gemini_request(model: str, messages: list[dict[str, Any]], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's native body of a chat request; `messages` may be changed.

    Only litellm's translation is used, not its `completion`: that costs ten times as much, and tells neither
    what Gemini answered nor why it stopped. Raises Untranslatable.
    """
    utils = _module("litellm.utils")
    gemini = _module("litellm.llms.vertex_ai.gemini.transformation")
    try:
        options = utils.get_optional_params(
            model=model, custom_llm_provider="gemini", messages=messages, **fields
        )
        body = gemini.transform_request_body(
            messages=messages,
            model=model,
            optional_params=options,
            custom_llm_provider="gemini",
            litellm_params={},
            cached_content=None,
        )
    except Exception as error:
        raise Untranslatable(_unsupported(model, "gemini", fields)) from error
    return dict(body)


def _unsupported(model: str, vendor: str, fields: Mapping[str, Any]) -> str | None:
    """The first of the fields that the model's provider does not know."""
    known = _module("litellm").get_supported_openai_params(model=model, custom_llm_provider=vendor)
    beside = {"messages", "top_k", "safety_settings", *(known or fields)}
    return next((name for name in fields if name not in beside), None)


async def complete(
    model: str,
    messages: list[dict[str, Any]],
    fields: Mapping[str, Any],
    *,
    stream: bool,
    key: str,
    url: str,
    seconds: float,
) -> Any:
    """A chat completion by litellm's own `acompletion`, of `vendor/model`: its answer, or stream of chunks.

    To be called in a task whose `wire.PASSAGE` is set, which is what it sends by; `seconds` is what is left
    of the attempt's time. Raises Untranslatable before anything is sent, else whatever litellm raises.
    """
    litellm: Any = _module("litellm")
    vendor, _, name = model.partition("/")
    if (unknown := _unsupported(name, vendor, fields)) is not None:
        raise Untranslatable(unknown)
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    if url:
        more["api_base"] = url
    return await litellm.acompletion(
        model=model,
        messages=messages,
        api_key=key or "none",  # else it looks for one in the environment
        num_retries=0,
        max_retries=0,
        timeout=seconds,
        _skip_mcp_handler=True,  # looks into tools, for servers to call by itself
        **more,
        **fields,
    )


def ended_well(stream: Any) -> bool:
    """Whether a stream that is over had an end: litellm makes up a reason for one that just stopped."""
    told = (stream.received_finish_reason, stream.intermittent_finish_reason)
    return any(reason is not None for reason in told)
