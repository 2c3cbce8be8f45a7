"""Cross-origin requests: which web pages may call the gateway from a browser (Fetch standard, 3.2).

Callers are known by a bearer key and never by a cookie, so credentials are not allowed and `*` may stand for
all headers; `authorization` alone has to be named even then.
"""

from __future__ import annotations

from gateway.data.request import Request
from routing.snapshot import Cors


class CrossOrigin:
    """A snapshot's policy as header lines."""

    def __init__(self, policy: Cors) -> None:
        self._origins = {origin.encode() for origin in policy.origins}
        self._any = "*" in policy.origins
        self._permission = (
            b"access-control-allow-methods: GET, POST, DELETE\r\n"
            b"access-control-allow-headers: authorization, *\r\n"
            b"access-control-max-age: %d\r\n" % policy.max_age
        )

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may read answers."""
        return origin in self._origins or (self._any and origin != b"")

    def admit(self, request: Request) -> bool:
        """Has every answer to the request say whether a page may read it.

        True if the request is a browser's question whether a page may send another one; that is answered.
        """
        headers = request.head.headers
        origin = headers.get(b"origin", b"")
        allowed = self.allows(origin)
        vary = b"" if self._any else b"vary: origin\r\n"
        shown = b"*" if self._any else origin
        request.extra = vary + b"%b: %b\r\n%b" % (ALLOW, shown, EXPOSE) if allowed else vary
        asked = request.head.method == b"OPTIONS" and b"access-control-request-method" in headers
        if asked and allowed:
            request.respond(200, self._permission)
        return asked and allowed


ALLOW = b"access-control-allow-origin"
EXPOSE = b"access-control-expose-headers: *\r\n"
