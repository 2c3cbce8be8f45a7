"""Facts: all that routing may know of a request, as pure data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.home import Home
from routing.snapshot import Key


class Facts:
    """What a request says of itself.

    `endpoint` is `chat`, `completions`, `embeddings` or `responses`. `headers` maps lower-case names to raw
    bytes; `body` is the parsed JSON object. `nonce` is the request id's own random bytes: the draw for
    whatever has no sticky key. `home` is that of the stored response which the request follows.
    """

    def __init__(
        self,
        endpoint: str,
        model: str,
        key: Key,
        headers: Mapping[bytes, bytes],
        body: Mapping[str, Any],
        nonce: bytes,
        home: Home | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.model = model
        self.key = key
        self.headers = headers
        self.body = body
        self.nonce = nonce
        self.home = home
