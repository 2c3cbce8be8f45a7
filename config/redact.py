"""The configuration without its secrets, for people to look at."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from config.schema import Config

HIDDEN = "***"


def redacted(config: Config) -> dict[str, Any]:
    """The configuration as JSON-able data, in its own spelling, with every secret as `***`."""
    dump = config.model_dump(mode="json", by_alias=True)
    shown: dict[str, Any] = _hide(dump)
    shown["store"]["url"] = _place(config.store.url)
    if config.prometheus is not None:
        shown["prometheus"]["url"] = _place(config.prometheus.url)
    return shown


_MASK = str(SecretStr("a secret"))
"""What pydantic writes for any secret."""


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return HIDDEN if value == _MASK else value


def _place(url: SecretStr) -> str:
    """Where a URL leads, without what may be secret in it."""
    scheme, is_url, rest = url.get_secret_value().partition("://")
    if not is_url:
        return scheme
    hosts = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]  # of Sentinels there are several
    return f"{scheme}://{hosts}"
