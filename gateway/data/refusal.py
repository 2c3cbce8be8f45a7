"""Routing's refusals in the client's terms: one table."""

from __future__ import annotations

from typing import Final

from gateway.data.errors import GatewayError, InsufficientScope, InvalidRequest, NotFound
from routing.errors import (
    ForbiddenPin,
    InvalidStickyKey,
    RoutingError,
    UnknownModel,
    UnknownResponse,
    UnknownVariant,
    UnsupportedEndpoint,
)

REFUSALS: Final[dict[type[RoutingError], tuple[type[GatewayError], str | None]]] = {
    UnknownModel: (NotFound, "model_not_found"),
    ForbiddenPin: (InsufficientScope, None),
    UnknownVariant: (InvalidRequest, None),
    InvalidStickyKey: (InvalidRequest, None),
    UnknownResponse: (InvalidRequest, "previous_response_not_found"),
    UnsupportedEndpoint: (InvalidRequest, "unsupported_endpoint"),
}
"""The gateway's error, and its code where that is not the error's own."""


def translate(error: RoutingError) -> GatewayError:
    """The error that the client gets."""
    kind, code = REFUSALS[type(error)]
    return kind(str(error), param=error.param, code=code)
