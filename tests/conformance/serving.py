"""A gateway to drive: the real `headgate serve` in front of the real `headgate upstream`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway, running_gateway
from tests.support.processes import headgate


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Gateway]:
    """A gateway with one key, named `judge`, and one rollout; its files are in `folder`."""
    made = headgate("keys", "create", "judge", "--json", directory=folder)
    key = json.loads(made.stdout)
    with _upstream() as url:
        config = folder / "headgate.yaml"
        config.write_text(json.dumps(_configuration(url, key["entry"])))
        with running_gateway(config, keys={"judge": key["key"]}, options=["--workers", "2"]) as gateway:
            yield gateway


def _configuration(url: str, key: dict[str, Any]) -> dict[str, Any]:
    variants = {name: {"upstream": "simulated", "model": f"gpt-4.1-{name}"} for name in ("base", "tuned")}
    rollout = {"baseline": "base", "candidate": "tuned", "stages": [10, 50, 100]}
    return {
        "server": {"keys": [key]},
        "upstreams": {"simulated": {"provider": "openai", "base_url": url}},
        "routes": {"solver": {"variants": variants, "rollout": rollout}},
    }


@contextlib.contextmanager
def _upstream() -> Iterator[str]:
    """The base URL of a simulated upstream on a free port."""
    command = [sys.executable, "-P", "-m", "gateway.cli.main", "upstream", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
