"""Names: what they may look like, and the 32-bit hash that stands for them in a request id."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Upstreams, variants, segments, applications, keys: safe as labels, in URLs and in `upstream/model`."""

ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
"""Routes: also model names, but without the slash that parts `route/segment`."""

MODEL = re.compile(r"[A-Za-z0-9._:/@-]{1,256}")
"""Model names, as clients send them and as upstreams know them."""


def name_hash(text: str) -> int:
    """The 32-bit hash of a name: blake2b with a digest of 4 bytes, read big-endian, over UTF-8."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def hash_collisions(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names whose hash an earlier, different name has: they could not be told apart in a request id."""
    seen: dict[int, str] = {}
    for name in names:
        earlier = seen.setdefault(name_hash(name), name)
        if earlier != name:
            yield name, earlier


def _matching(pattern: re.Pattern[str], rule: str) -> tuple[AfterValidator, WithJsonSchema]:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise ValueError(rule)
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


Name = Annotated[
    str,
    *_matching(NAME, "must be 1 to 64 letters, digits or any of . _ -, beginning with a letter or digit"),
]
RouteName = Annotated[
    str,
    *_matching(
        ROUTE, "must be 1 to 128 letters, digits or any of . _ : @ -, beginning with a letter or digit"
    ),
]
ModelName = Annotated[str, *_matching(MODEL, "must be 1 to 256 letters, digits or any of . _ : / @ -")]
