"""A gateway to drive: the real `headgate serve` in front of a model mock that nobody here wrote."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.listening import listening
from tests.conformance.programs import TOOLS
from tests.support.gateway import Gateway, running_gateway
from tests.support.ports import free_ports
from tests.support.processes import headgate

AIMOCK = TOOLS / "aimock" / "node_modules" / ".bin" / "llmock"
MODELS = Path(__file__).with_name("models.json")
"""What the mock says to what."""
ROUTES = ("openai", "gemini")
"""By the wire format behind the gateway: OpenAI's, and Google's OpenAI-compatible endpoint."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Gateway]:
    """A gateway with one key, named `judge`, and a route for each of `ROUTES`; its files are in `folder`.

    Skips when the mock could not be installed.
    """
    if not AIMOCK.exists():
        pytest.skip("aimock is not installed; `make conformance` says why")
    made = headgate("keys", "create", "judge", "--json", directory=folder)
    key = json.loads(made.stdout)
    (port,) = free_ports(1)
    command = [str(AIMOCK), "--port", str(port), "--fixtures", str(MODELS), "--log-level", "warn"]
    with listening([*command, "--validate-on-load"], port, folder / "aimock.log"):
        config = folder / "headgate.yaml"
        config.write_text(json.dumps(_configuration(f"http://127.0.0.1:{port}", key["entry"])))
        with running_gateway(config, keys={"judge": key["key"]}, options=["--workers", "2"]) as gateway:
            yield gateway


def _configuration(url: str, key: dict[str, Any]) -> dict[str, Any]:
    return {
        "server": {"keys": [key]},
        "upstreams": {
            "openai": {"provider": "openai", "base_url": f"{url}/v1", "api_key": "sk-of-the-mock"},
            "google": {"provider": "gemini", "base_url": f"{url}/v1beta/openai", "api_key": "of-the-mock"},
        },
        "routes": {
            "openai": _rollout("openai", "gpt-4.1-mini", "ft:gpt-4.1-mini:acme::1"),
            "gemini": _rollout("google", "gemini-2.5-flash", "gemini-2.5-pro"),
        },
    }


def _rollout(upstream: str, base: str, tuned: str) -> dict[str, Any]:
    variants = {
        name: {"upstream": upstream, "model": model} for name, model in (("base", base), ("tuned", tuned))
    }
    rollout = {"baseline": "base", "candidate": "tuned", "stages": [50, 100]}
    return {"variants": variants, "rollout": rollout, "retries": 0}
