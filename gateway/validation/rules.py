"""From a route's configuration to what the validating child is told."""

from __future__ import annotations

from config.routes import Route
from gateway.validation.wire import Rule, Rules
from routing.compile import checks_of


def rules_of(route: Route) -> Rules:
    """The route's validators, as plain data. Compile them once: `Rules` are recognised by their bytes."""
    return Rules.of(Rule(*check) for check in checks_of(route))
