"""A Prometheus beside the demo that scrapes its gateway: for dashboards and PromQL without setting one up."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from gateway.demo.ports import HOST
from gateway.demo.process import Process

USUAL_PORT = 9090
SCRAPE = "1s"
_CHART = Path(__file__).parents[2] / "helm" / "headgate" / "rules"
_NAME = "headgate.rules.yaml"
RULES = next((path for path in (Path(__file__).with_name(_NAME), _CHART / _NAME) if path.exists()), None)
"""Those of the chart: the wheel has a copy, and a checkout the chart itself."""


class PrometheusMissing(Exception):
    """There is no `prometheus` to start; the message says how to get one."""


def program() -> str:
    """Where `prometheus` is. Raises PrometheusMissing."""
    found = shutil.which("prometheus")
    if found is None:
        raise PrometheusMissing(
            "--prometheus needs the program `prometheus` on PATH: install it (Debian: apt-get install"
            " prometheus; others: https://prometheus.io/download) or leave the option out"
        )
    return found


def prometheus(path: str, directory: Path, port: int, admin_port: int) -> Process:
    """The program at `path`, on `port` of this machine only; what it writes is in `directory`."""
    configuration = directory / "prometheus.yaml"
    configuration.write_text(json.dumps(_configuration(admin_port)), encoding="utf-8")  # JSON is YAML
    command = [
        path, f"--config.file={configuration}", f"--storage.tsdb.path={directory / 'prometheus'}",
        f"--web.listen-address={HOST}:{port}", "--log.level=warn", "--enable-feature=exemplar-storage",
    ]  # fmt: skip
    return Process("prometheus", command, port, "/-/ready", directory / "prometheus.log", dict(os.environ))


def _configuration(admin_port: int) -> dict[str, object]:
    target = {"job_name": "headgate", "static_configs": [{"targets": [f"{HOST}:{admin_port}"]}]}
    return {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
        "scrape_configs": [target],
        "rule_files": [str(RULES)] if RULES else [],
    }
