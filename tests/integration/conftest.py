"""One gateway in front of one scripted upstream, for tests of what applications see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import Gateway, hash_of, running_gateway
from tests.support.scripted import ScriptedUpstream, scripted_upstream
from tests.support.valkey import Server

KEYS = {"app": "hg_app", "pinner": "hg_pinner", "narrow": "hg_narrow", "admin": "hg_admin"}
CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}", scopes: [chat, outcomes]}}
    - {{name: pinner, application: tests, hash: "{pinner}", scopes: [chat, pin, direct]}}
    - {{name: narrow, application: others, hash: "{narrow}", scopes: [chat], routes: [slow]}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  limits: {{body: 1MiB}}
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}", api_key: upstream-secret}}
  nowhere: {{provider: openai, base_url: "http://127.0.0.1:9/v1"}}
routes:
  solver:
    names: [gpt-5]
    variants:
      tuned: {{upstream: main, model: tuned-model, price: {{input: 2, output: 4}}}}
      base: {{upstream: main, model: base-model, price: {{input: 1, cached_input: 0.5, output: 2}}}}
      fallback: {{upstream: main, model: fallback-model, price: {{input: 1, output: 1}}}}
      unreachable: {{upstream: nowhere, model: nobody, price: {{input: 1, output: 1}}}}
    difficulty: {{scale: codeforces, from: [header, metadata.rating], strata: [1600, 2200, 2800]}}
    segments:
      - name: hard
        when: {{difficulty: {{gte: 2500}}}}
        rollout: {{baseline: base, candidate: tuned, stages: [30, 100]}}
      - name: ordinary
        variant: base
    fallbacks: [fallback]
    breaker: "off"                # a test must not feel the errors of the one before it
  slow:
    variants:
      only: {{upstream: main, model: slow-model, price: {{input: 1, output: 1}}}}
      fallback: {{upstream: main, model: slow-fallback, price: {{input: 1, output: 1}}}}
    variant: only
    fallbacks: [fallback]
    timeouts: {{first_token: 1500ms, idle: 1500ms, total: 4s}}
    breaker: "off"
  brief:
    variants:
      only: {{upstream: main, model: brief-model, price: {{input: 1, output: 1}}}}
      fallback: {{upstream: main, model: brief-fallback, price: {{input: 1, output: 1}}}}
    variant: only
    fallbacks: [fallback]
    timeouts: {{total: 1s}}       # the longest retry-after that a variant is asked again after
    breaker: "off"
"""


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def shared_gateway(
    shared_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = tmp_path_factory.mktemp("gateway") / "headgate.yaml"
    hashes = {name: hash_of(key) for name, key in KEYS.items()}
    config.write_text(CONFIG.format(url=shared_upstream.url, **hashes))
    with running_gateway(config, keys=KEYS) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _reset(request: pytest.FixtureRequest) -> None:
    """Nobody finds the upstream with the script of a test before, whatever gateway leads to it."""
    if "shared_upstream" in request.fixturenames:
        upstream = request.getfixturevalue("shared_upstream")
        if isinstance(upstream, ScriptedUpstream):
            upstream.reset()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Server]:
    """A store of the test's own, to be killed and stalled."""
    server = Server(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
def upstream(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    return shared_upstream


@pytest.fixture
def gateway(shared_gateway: Gateway, upstream: ScriptedUpstream) -> Gateway:
    return shared_gateway
