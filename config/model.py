"""What every part of the configuration is made of: a strict, frozen model, and the fields they share."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
)


class Model(BaseModel):
    """Unknown keys and wrong types are refused; attributes carry the names of the YAML keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    @model_serializer(mode="wrap", when_used="json")
    def _without_absent(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if value is not None}


Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Strict(False)]
"""A YAML list, held as a tuple."""

Text = Annotated[str, Field(min_length=1)]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect"})


def _credential(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text or any(not "!" <= character <= "~" for character in text):
        raise ValueError("must be printable ASCII without spaces; check the variable it comes from")
    return value


def _absent(value: object) -> object:
    return None if value == "" else value


Credential = Annotated[SecretStr, AfterValidator(_credential)]
OptionalCredential = Annotated[Credential | None, BeforeValidator(_absent)]
"""A credential; an empty text, as `${KEY:-}` leaves it, is none."""


def header_name(value: str) -> str:
    """A header's name in lower case. Raises ValueError."""
    if _TOKEN.fullmatch(value) is None:
        raise ValueError("is not an HTTP header name")
    if value.lower() in _FRAMING:
        raise ValueError("is set by the gateway itself and may not be configured")
    return value.lower()


def _header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if any(not (" " <= character <= "~" or character == "\t") for character in text):
        raise ValueError("must be printable ASCII on one line")
    return value


HeaderName = Annotated[str, AfterValidator(header_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]


def split_url(text: str, schemes: frozenset[str]) -> SplitResult:
    """The parts of an absolute URL. Raises ValueError, which never quotes the URL."""
    if any(not "!" <= character <= "~" for character in text):
        raise ValueError("must be a URL without spaces or special characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL; check its host and port") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}")
    if not parts.hostname or port == 0:
        raise ValueError("must name a host, and a port above 0 if any")
    return parts


HTTP = frozenset({"http", "https"})


def _base_url(text: str) -> str:
    parts = split_url(text, HTTP)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold credentials; use `api_key` or `headers`")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must not hold a query or a fragment; use `query`")
    return text.rstrip("/")


def _private_url(value: SecretStr) -> SecretStr:
    split_url(value.get_secret_value(), HTTP)
    return value


BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""An http(s) URL without credentials, query or trailing slash."""

PrivateUrl = Annotated[SecretStr, AfterValidator(_private_url)]
"""An http(s) URL that may hold a secret in any of its parts, as those of webhooks do."""
