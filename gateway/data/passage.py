"""Which requests are passed through: by the first part of their path below `/v1`, and by no trick of it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from routing.snapshot import Passthrough

METHODS = frozenset((b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"))
ALLOWED = b"DELETE, GET, PATCH, POST, PUT"
_plain = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+").fullmatch
_PREFIX = b"/v1/"


class Passage:
    """The configured paths; `body` is the bytes that a request may have."""

    def __init__(self, configured: Passthrough) -> None:
        self.upstream = configured.upstream
        self.body = configured.body
        self._paths = {name.encode(): name for name in configured.paths}

    def takes(self, path: bytes) -> bool:
        """Whether a path is one of these, sound or not."""
        return path.startswith(_PREFIX) and _first(path) in self._paths

    def name_of(self, path: bytes) -> str | None:
        """The configured name of a path that may be passed; None for one that means another than it says.

        An upstream, or what stands before it, may resolve dots and decode what was encoded twice.
        """
        parts = path[len(_PREFIX) :].split(b"/")
        if parts[-1] == b"":
            parts.pop()
        return self._paths[_first(path)] if all(map(sound, parts)) else None


def _first(path: bytes) -> bytes:
    return path[len(_PREFIX) :].partition(b"/")[0]


def sound(part: bytes) -> bool:
    """Whether a part of a path means what it says."""
    if _plain(part) is None:
        return False
    meant = unquote(part.decode("ascii"))
    return meant not in (".", "..") and not any(sign in meant for sign in "/\\%\0\r\n")
