"""The real gateway beside the demo, on ports and with a state directory of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gateway.demo.ports import HOST, Ports
from gateway.demo.process import Process


def gateway(directory: Path, text: str, ports: Ports) -> Process:
    """`headgate serve` with the configuration `text`, in `directory`."""
    configuration = directory / "headgate.yaml"
    configuration.write_text(text, encoding="utf-8")
    command = [
        sys.executable, "-P", "-m", "gateway.cli.main", "serve",
        "--config", str(configuration), "--state", str(directory / "state"),
        "--host", HOST, "--port", str(ports.data),
        "--admin-host", HOST, "--admin-port", str(ports.admin), "--workers", "1",
    ]  # fmt: skip
    # The caller's environment, without what would change the demo's configuration.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    log = directory / "gateway.log"
    return Process("the gateway", command, ports.data, "/health/ready", log, environment)
