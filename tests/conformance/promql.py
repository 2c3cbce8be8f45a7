"""A real Prometheus beside a real demo, asked as Grafana asks it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from tests.support.ports import free_ports

PATIENCE = 120.0
"""Seconds for what takes a quarter of that on an idle machine."""
BUILT_IN = {"__range": "5m", "__interval": "15s", "__rate_interval": "1m"}
"""Grafana's own variables, for a page that shows the last five minutes."""
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")


class Prometheus:
    """Its HTTP API at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer. Raises AssertionError with Prometheus's own words."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["error"]) from None

    def query(self, expression: str, at: float | None = None) -> list[Any]:
        """What an expression gives now, or at a time in seconds since 1970."""
        moment = {} if at is None else {"time": f"{at}"}
        return cast("list[Any]", self.ask("query", query=expression, **moment)["result"])

    def series(self, expression: str, seconds: float = 30.0) -> list[Any]:
        """What it gives over the last `seconds`, as a chart asks."""
        now = time.time()
        asked = {"query": expression, "start": f"{now - seconds}", "end": f"{now}", "step": "5"}
        return cast("list[Any]", self.ask("query_range", **asked)["result"])

    def wait_for(self, expression: str) -> None:
        """Returns once it gives something."""
        end = time.monotonic() + PATIENCE
        while not self.query(expression):
            assert time.monotonic() < end, f"nothing came of {expression}"
            time.sleep(0.5)

    def choices(self, variables: list[dict[str, Any]]) -> dict[str, str]:
        """What Grafana puts in place of each of a page's variables when `All` is chosen."""
        chosen = dict(BUILT_IN)
        for variable in variables:
            name = variable["name"]
            if variable["type"] == "query":
                values = self._values(substituted(variable["query"], chosen))
                assert values, f"${name} has nothing to choose from"
                chosen[name] = "(" + "|".join(map(re.escape, values)) + ")"
            elif variable["type"] == "interval":
                chosen[name] = variable["current"]["value"]
        return chosen

    def _values(self, query: str) -> list[str]:
        asked = _LABEL_VALUES.fullmatch(query)
        assert asked, query
        return cast("list[str]", self.ask(f"label/{asked['label']}/values", **{"match[]": asked["selector"]}))


def substituted(text: str, chosen: Mapping[str, str]) -> str:
    """The text with its `$variables` replaced."""
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda found: chosen[found[1] or found[2]], text)


@contextlib.contextmanager
def demo(program: str, *options: str) -> Iterator[Prometheus]:
    """`headgate demo --prometheus` with the Prometheus at `program` on its PATH."""
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{Path(program).parent}"}
    port, admin_port, its_port = map(str, free_ports(3))
    command = [
        sys.executable, "-P", "-m", "gateway.cli.main", "demo", *options,
        "--port", port, "--admin-port", admin_port, "--prometheus", "--prometheus-port", its_port,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            found = re.search(r"Prometheus at (\S+\d)", first)
            assert found, first
            # Nobody reads on: 64 KiB of lines are more than a demo of minutes prints.
            yield Prometheus(found[1])
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        assert process.returncode == 0


@contextlib.contextmanager
def scraping(program: str, directory: Path, admin_port: int) -> Iterator[Prometheus]:
    """The Prometheus at `program`, which scrapes the gateway on `admin_port` every second."""
    (port,) = free_ports(1)
    targets = [{"job_name": "headgate", "static_configs": [{"targets": [f"127.0.0.1:{admin_port}"]}]}]
    configuration = directory / "prometheus.yaml"
    configuration.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": targets}))
    command = [
        program, f"--config.file={configuration}", f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn", "--enable-feature=exemplar-storage",
    ]  # fmt: skip
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            running = Prometheus(f"http://127.0.0.1:{port}")
            end = time.monotonic() + PATIENCE
            while not _ready(running):
                assert process.poll() is None and time.monotonic() < end, (directory / "log").read_text()
                time.sleep(0.1)
            yield running
        finally:
            process.terminate()


def _ready(running: Prometheus) -> bool:
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"{running.url}/-/ready", timeout=5).status == 200
    return False


def failures(check: Callable[[str], list[Any]], expressions: Mapping[str, str]) -> list[str]:
    """Of named expressions, those that are refused or give nothing."""
    wrong = []
    for name, expression in expressions.items():
        try:
            if not check(expression):
                wrong.append(f"{name}: nothing: {expression}")
        except AssertionError as error:
            wrong.append(f"{name}: {error}: {expression}")
    return wrong
