"""The configuration as a whole: what a human writes, validated once at the edge.

    Config ── server       keys, signing keys, limits, life cycle        config/server.py
          ├── upstreams    name → endpoint and credential                config/upstreams.py
          ├── passthrough, store, capture, prometheus                    config/server.py
          └── routes       name → variants and how they are chosen       config/routes.py
                           variants                                      config/variants.py
                           segments' conditions                          config/conditions.py
                           rollouts and their guardrails                 config/rollout.py, guardrails.py
                           validators                                    config/validators.py

Durations are float seconds, sizes int bytes, weights and shares int basis points (10,000 is the whole),
points float fractions of 1. What concerns more than one field is in `config.rules`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.model import Model
from config.names import Name, RouteName
from config.routes import Route
from config.server import Capture, Passthrough, Prometheus, Server, Store
from config.upstreams import Upstream


class Config(Model):
    """A whole configuration."""

    server: Server = Server()
    upstreams: Annotated[dict[Name, Upstream], Field(min_length=1)]
    routes: Annotated[dict[RouteName, Route], Field(min_length=1)]
    passthrough: Passthrough | None = None
    store: Store = Store()
    capture: Capture = Capture()
    prometheus: Prometheus | None = None
