"""What a client may be told, and how: OpenAI's error envelope.

    GatewayError
    ├── InvalidKey            401  invalid_api_key
    ├── InsufficientScope     403  insufficient_scope
    ├── NotFound              404  model_not_found, not_found
    ├── MethodNotAllowed      405
    ├── InvalidRequest        400  invalid_request_error, names the parameter
    │   └── Unexplained       the upstream's 4xx, whose body is no error of OpenAI's
    ├── BodyTooLarge          413
    ├── UnsupportedMedia      415
    ├── RateLimited           429  with the upstream's retry-after
    │   └── OutOfQuota        429  insufficient_quota: not to be retried
    ├── UpstreamError         502  upstream_error
    ├── UpstreamTimeout       504  upstream_timeout
    └── Shortly               503  with retry-after
        ├── Unwritten              outcome_not_written
        ├── Unlocated              response_not_located
        └── Overloaded             overloaded
            └── Leaving            the same, because this process is being stopped

Messages are our own text: no value of the client's, nothing of an upstream's.
"""

from __future__ import annotations

import orjson


class GatewayError(Exception):
    """A refusal or failure with its HTTP status; `retry_after` in seconds; `should_retry` for clients."""

    status = 500
    kind = "server_error"
    code: str | None = None
    message = "The gateway failed to answer this request. It has been logged."
    should_retry: bool | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: str | None = None,
        passed: bytes = b"",
    ) -> None:
        super().__init__(message or self.message)
        self.passed = passed
        """Header lines of the upstream's that go with it."""
        self.text = message or self.message
        self.param = param
        self.code = code or self.code
        self.retry_after = retry_after

    def content(self) -> dict[str, str | None]:
        """What it says."""
        return {"message": self.text, "type": self.kind, "param": self.param, "code": self.code}

    def envelope(self) -> bytes:
        """The JSON body."""
        return orjson.dumps({"error": self.content()})

    def headers(self) -> bytes:
        """The header lines that go with it."""
        lines = b"content-type: application/json\r\n" + self.passed
        if self.retry_after is not None:
            lines += b"retry-after: %b\r\n" % self.retry_after.encode("latin-1")
        if self.should_retry is not None:
            lines += b"x-should-retry: %b\r\n" % (b"true" if self.should_retry else b"false")
        return lines


class InvalidKey(GatewayError):
    """No key, or not one of ours."""

    status = 401
    kind = "invalid_request_error"
    code = "invalid_api_key"
    # Clients such as litellm know a bad key by these first words, which are OpenAI's.
    message = "Incorrect API key provided, or none. Send it as 'Authorization: Bearer <key>'."


class InsufficientScope(GatewayError):
    """The key may not do this."""

    status = 403
    kind = "invalid_request_error"
    code = "insufficient_scope"


class NotFound(GatewayError):
    """No such model or path."""

    status = 404
    kind = "invalid_request_error"
    code = "not_found"
    message = "There is nothing at this path."


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not."""

    status = 405
    kind = "invalid_request_error"
    code = "method_not_allowed"
    message = "This path does not take this method."


class InvalidRequest(GatewayError):
    """The request itself is wrong; `param` names where."""

    status = 400
    kind = "invalid_request_error"


class Unexplained(InvalidRequest):
    """The upstream refused the request with this status, and its body is nothing that clients can read."""

    code = "upstream_refused"
    message = "The model's upstream refused the request without saying why."

    def __init__(self, status: int, passed: bytes) -> None:
        super().__init__(passed=passed)
        self.status = status
        if status == 409:  # which clients would repeat
            self.should_retry = False


class BodyTooLarge(GatewayError):
    """The body passes the configured limit."""

    status = 413
    kind = "invalid_request_error"
    code = "body_too_large"
    message = "The request body is larger than this gateway accepts."


class UnsupportedMedia(GatewayError):
    """Not plain JSON."""

    status = 415
    kind = "invalid_request_error"
    code = "unsupported_media_type"
    message = "Send the body as 'Content-Type: application/json', without a Content-Encoding."


class RateLimited(GatewayError):
    """The last upstream said 429."""

    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"
    message = "The model's upstream is limiting the rate of requests."


class OutOfQuota(RateLimited):
    """The last upstream has no money left of ours. Clients know OpenAI's type and code."""

    kind = code = "insufficient_quota"
    message = "The model's upstream has no quota left for this gateway."
    should_retry = False


class UpstreamError(GatewayError):
    """The last attempt failed."""

    status = 502
    kind = "upstream_error"
    code = "upstream_error"
    message = "The model's upstream failed to answer."
    should_retry = False


class UpstreamTimeout(GatewayError):
    """The last attempt did not answer in time."""

    status = 504
    kind = "upstream_error"
    code = "upstream_timeout"
    message = "The model's upstream did not answer in time."
    should_retry = False


class Shortly(GatewayError):
    """Not now, for a reason that is ours: the same may go well in a second."""

    status = 503
    should_retry = True

    def __init__(self) -> None:
        super().__init__(retry_after="1")


class Unwritten(Shortly):
    """An outcome could not be made durable in time."""

    code = "outcome_not_written"
    message = "The outcome could not be written down in time. Report it again: it counts once."


class Unlocated(Shortly):
    """A stored response may be at several upstreams, and nobody can say now at which."""

    code = "response_not_located"
    message = "The gateway cannot tell just now where this response is stored. Try again shortly."


class Overloaded(Shortly):
    """This worker is at its bound."""

    code = "overloaded"
    message = "The gateway is at its limit of concurrent requests. Try again shortly."


class Leaving(Overloaded):
    """This worker is being stopped, and the request took longer than it may."""

    message = "The gateway is restarting. Try again shortly."
