"""Headgate's configuration for the benchmark: every feature on."""

from __future__ import annotations

import hashlib

KEY = "hg_benchmark-key-of-forty-six-characters-000000"
"""The client's API key; the configuration holds its hash only."""

SERVER = f"""\
server:
  keys:
    - name: bench
      application: bench
      hash: "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
      scopes: [chat, outcomes]
  signing_keys: ["a-signing-key-for-the-benchmark-that-is-long-enough"]
  response_headers: full
  lame_duck: 0s
upstreams:
"""

UPSTREAM = """\
  @NAME@: {provider: openai, base_url: "http://127.0.0.1:@PORT@@PREFIX@/v1", api_key: "sk-upstream-key"}
"""

ROUTE = """\
  @NAME@:
    variants:
      tuned:
        upstream: @NAME@
        model: "ft:gpt-4.1-mini-2025-04-14:acme:cp:abc"
        price: {input: 0.80, cached_input: 0.20, output: 3.20}
      base:
        upstream: @NAME@
        model: gpt-4.1-mini
        price: {input: 0.40, cached_input: 0.10, output: 1.60}
      cheap:
        upstream: @NAME@
        model: llama-3.1-8b-instant
        price: {input: 0.10, cached_input: 0.025, output: 0.40}
    sticky: [header, metadata.headgate_key, safety_identifier, user, conversation]
    difficulty: {scale: codeforces, from: [header, metadata.rating], strata: [1600, 2200, 2800]}
    segments:
      - name: batch
        when: {metadata.kind: batch}
        variant: cheap
      - name: hard
        when: {difficulty: {gte: 2500}}
        rollout: {baseline: base, candidate: tuned, stages: [10, 50, 100]}
      - name: ordinary
        weights: {cheap: 90, base: 10}
    fallbacks: [base, cheap]
    timeouts: {connect: 5s, first_token: 60s, idle: 60s, total: 600s}
    retries: 1
    outcomes: {sample: 100%}
"""


def name_of(prefix: str) -> str:
    """The route, and the upstream, that leads to the upstream's path prefix `prefix`."""
    return "bench" + prefix.replace("/", "-").replace(".", "-")


def configuration(upstream_port: int, prefixes: list[str]) -> str:
    """headgate.yaml with a route a prefix."""
    upstreams = [
        UPSTREAM.replace("@NAME@", name_of(prefix))
        .replace("@PORT@", str(upstream_port))
        .replace("@PREFIX@", prefix)
        for prefix in prefixes
    ]
    routes = [ROUTE.replace("@NAME@", name_of(prefix)) for prefix in prefixes]
    return SERVER + "".join(upstreams) + "routes:\n" + "".join(routes)
