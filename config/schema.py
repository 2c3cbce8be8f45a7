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

from pydantic import ConfigDict, Field

from config.model import Model
from config.names import Name, RouteName
from config.routes import Route
from config.server import Capture, Passthrough, Prometheus, Server, Store
from config.upstreams import Upstream


class Config(Model):
    """A whole configuration."""

    model_config = ConfigDict(json_schema_extra={"required": ["upstreams", "routes"]})

    server: Server = Server()
    upstreams: dict[Name, Upstream] = Field(default={}, json_schema_extra={"minProperties": 1})
    routes: dict[RouteName, Route] = Field(default={}, json_schema_extra={"minProperties": 1})
    passthrough: Passthrough | None = None
    store: Store = Field(default=Store(), json_schema_extra={"default": {"url": "sqlite"}})
    capture: Capture = Capture()
    prometheus: Prometheus | None = None
