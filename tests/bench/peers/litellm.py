"""LiteLLM's proxy, set up as its documentation recommends for production."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.build import Missing
from tests.bench.contestant import Contestant, Manner, await_ready, free_port
from tests.bench.headgate import name_of
from tests.bench.process import running

PROGRAM = Path(__file__).parents[3] / ".tools" / "litellm-proxy" / "bin" / "litellm"
KEY = "sk-benchmark-key"
SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # instead of fetching one
    "REPEATED_STREAMING_CHUNK_LIMIT": "1000",  # the upstream's chunks are alike, at which it breaks off
}
MODELS = {"gpt-4.1-mini": 90, "ft:gpt-4.1-mini-2025-04-14:acme:cp:abc": 10}
"""Two deployments by weight, as Headgate's rollout has two variants."""


def configuration(upstream_port: int, prefixes: Sequence[str]) -> str:
    """Its file: JSON, which is YAML."""
    deployments = [
        {
            "model_name": name_of(prefix),
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"http://127.0.0.1:{upstream_port}{prefix}/v1",
                "api_key": "sk-upstream-key",
                "weight": weight,
            },
        }
        for prefix in prefixes
        for model, weight in MODELS.items()
    ]
    return json.dumps(
        {
            "model_list": deployments,
            "router_settings": {"routing_strategy": "simple-shuffle", "num_retries": 1},
            "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True},
            "general_settings": {"master_key": KEY},
        }
    )


@contextmanager
def litellm(
    upstream_port: int, cores: Sequence[int], directory: Path, prefixes: Sequence[str]
) -> Iterator[Contestant]:
    """One worker of it, as it recommends for one core; without a database and without Redis."""
    if not PROGRAM.exists():
        raise Missing("LiteLLM's proxy is not installed: make bench-peers does it")
    directory.mkdir()
    port = free_port()
    file = directory / "config.yaml"
    file.write_text(configuration(upstream_port, prefixes))
    command = [str(PROGRAM), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    log = directory / "output.log"
    environment = os.environ | SETTINGS
    with running([*command, "--num_workers", "1"], cores, environment, log) as process:
        ready = await_ready("litellm", port, process, log, "/health/liveliness")
        manner = Manner("/v1/chat/completions", "{name}", KEY, identity=True)
        yield Contestant("litellm", port, process.pid, ready, directory, manner=manner)
