"""Why a request cannot be routed: a closed set.

    RoutingError
    ├── UnknownModel          404  no such route, or not for this key
    ├── ForbiddenPin          403  `x-headgate-variant` without the scope `pin`
    ├── UnknownVariant        400  `x-headgate-variant` names no variant of the route
    ├── InvalidStickyKey      400  `x-headgate-key` is not UTF-8 of at most 512 bytes
    ├── UnsupportedEndpoint   400  no variant of the route serves the endpoint
    └── UnknownResponse       400  `previous_response_id` is not there, where this model is

The messages are for callers: our own text, none of theirs.
"""

from __future__ import annotations


class RoutingError(Exception):
    """A refusal; `param` names the field or header that caused it, where there is one."""

    param: str | None = None
    message = ""

    def __init__(self) -> None:
        super().__init__(self.message)


class UnknownModel(RoutingError):
    """The model is not a route that the key may use; the three cases look alike on purpose."""

    param = "model"
    message = "There is no such model for this key."


class ForbiddenPin(RoutingError):
    """The key may not choose a variant."""

    param = "x-headgate-variant"
    message = "Choosing a variant with 'x-headgate-variant' needs a key with the scope 'pin'."


class UnknownVariant(RoutingError):
    """The route has no such variant."""

    param = "x-headgate-variant"
    message = "'x-headgate-variant' must name a variant of this route."


class InvalidStickyKey(RoutingError):
    """The sticky key is too long or not text."""

    param = "x-headgate-key"
    message = "'x-headgate-key' must be UTF-8 text of at most 512 bytes."


class UnsupportedEndpoint(RoutingError):
    """No variant of the route can serve the endpoint."""

    param = "model"
    message = "No variant of this model serves this endpoint."


class UnknownResponse(RoutingError):
    """The response that the request follows is another application's, or at another upstream."""

    param = "previous_response_id"
    message = "There is no such response for this model and this key."
