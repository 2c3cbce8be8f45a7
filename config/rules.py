"""Rules: what must hold between fields of the configuration. Each yields what it finds."""

from __future__ import annotations

from collections.abc import Iterator

from config.names import hash_collisions
from config.problems import Finding
from config.route_rules import route_findings
from config.schema import Config
from config.upstreams import SimulatedUpstream


def check(config: Config) -> Iterator[Finding]:
    """Everything that is wrong with a configuration whose fields are each right."""
    for rule in (_keys, _key_routes, _applications, _store, _upstreams, _passthrough, _public_names, _routes):
        yield from rule(config)
    for name, route in config.routes.items():
        yield from route_findings(config, route, ("routes", name))


def _keys(config: Config) -> Iterator[Finding]:
    for field in ("name", "hash"):
        first: dict[str, int] = {}
        for at, key in enumerate(config.server.keys):
            earlier = first.setdefault(getattr(key, field), at)
            if earlier != at:
                yield Finding(("server", "keys", at, field), f"is the same as that of entry {earlier + 1}")
    for at, key in enumerate(config.server.keys):
        if not key.scopes:
            yield Finding(("server", "keys", at, "scopes"), "needs at least one scope")


def _key_routes(config: Config) -> Iterator[Finding]:
    for at, key in enumerate(config.server.keys):
        for position, route in enumerate(key.routes or ()):
            if route not in config.routes:
                path = ("server", "keys", at, "routes", position)
                yield Finding(path, f"there is no route `{route}`", needs=("routes", route))


def _applications(config: Config) -> Iterator[Finding]:
    places = {key.application: at for at, key in enumerate(config.server.keys)}
    for name, other in hash_collisions(places):
        path = ("server", "keys", places[name], "application")
        yield Finding(path, f"`{name}` has the same 32-bit hash as `{other}`; rename one of them")


def _store(config: Config) -> Iterator[Finding]:
    if config.store.shared and not config.server.signing_keys:
        message = "a shared store needs one, the same on every replica; `headgate keys signing` prints one"
        yield Finding(("server", "signing_keys"), message)


def _upstreams(config: Config) -> Iterator[Finding]:
    if not config.upstreams:
        yield Finding(("upstreams",), "needs at least one upstream")
    for name, upstream in config.upstreams.items():
        if isinstance(upstream, SimulatedUpstream) and upstream.latency.p95 < upstream.latency.median:
            yield Finding(("upstreams", name, "latency", "p95"), "must not be below `median`")


def _passthrough(config: Config) -> Iterator[Finding]:
    if config.passthrough is None:
        return
    name = config.passthrough.upstream
    upstream = config.upstreams.get(name)
    if upstream is None:
        path = ("passthrough", "upstream")
        yield Finding(path, f"there is no upstream `{name}`", needs=("upstreams", name))
    elif upstream.provider != "openai":
        message = f"must be an upstream of the provider openai; `{name}` is of {upstream.provider}"
        yield Finding(("passthrough", "upstream"), message)


def _public_names(config: Config) -> Iterator[Finding]:
    owners = {name: name for name in config.routes}
    for route, entry in config.routes.items():
        for at, name in enumerate(entry.names):
            owner = owners.setdefault(name, route)
            if owner != route or name == route or name in entry.names[:at]:
                yield Finding(
                    ("routes", route, "names", at), f"`{name}` already belongs to the route `{owner}`"
                )


def _routes(config: Config) -> Iterator[Finding]:
    if not config.routes:
        yield Finding(("routes",), "needs at least one route")
    for name, other in hash_collisions(config.routes):
        yield Finding(("routes", name), f"has the same 32-bit hash as `{other}`; rename one of them")
