"""From a request's bytes to one parsed body, from which it is routed and forwarded alike.

orjson refuses what JSON does not allow (NaN, lone surrogates, byte-order marks, other encodings) and nests to
1,024 levels. It reads integers beyond 64 bits as floats, so bodies with such a run of digits are read once
more by the standard library, which keeps them exact.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from gateway.data.errors import InvalidRequest, UnsupportedMedia

_DIGITS: Final = bytes(ord("0") if chr(byte).isdigit() else ord(" ") for byte in range(128)) + b" " * 128
_LONG: Final = b"0" * 19
_SAMPLED: Final = b"0" * 3
"""A run of 19 digits leaves at least three in a row in every fifth byte; nearly nothing else does."""


def parse_json(body: bytes, headers: dict[bytes, bytes]) -> dict[str, Any]:
    """The body as a JSON object. Raises UnsupportedMedia, InvalidRequest."""
    media = headers.get(b"content-type")
    if media != b"application/json" and media is not None:
        if media.partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMedia
    if b"content-encoding" in headers and headers[b"content-encoding"] != b"identity":
        raise UnsupportedMedia
    try:
        parsed = orjson.loads(body)
        if body[::5].translate(_DIGITS).find(_SAMPLED) >= 0 and body.translate(_DIGITS).find(_LONG) >= 0:
            parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The request body is not valid JSON.") from None
    if type(parsed) is not dict:
        raise InvalidRequest("The request body must be a JSON object.")
    return parsed


def dump_json(body: dict[str, Any]) -> bytes:
    """The inverse; falls back to the standard library for integers that orjson cannot write."""
    try:
        return orjson.dumps(body)
    except TypeError:
        try:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except RecursionError:
            raise InvalidRequest("The request body is nested too deeply.") from None
