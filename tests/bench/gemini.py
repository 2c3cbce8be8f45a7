"""Gemini's native API through Headgate, beside litellm's own `acompletion` in a loop: one request at a time.

Both have the gateway's core in turn; the simulated upstream and whoever asks share the other one.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.build import SOURCES, Missing
from tests.bench.contestant import await_ready, free_port
from tests.bench.headgate import KEY, SERVER
from tests.bench.installed import environment
from tests.bench.load import MESSAGES
from tests.bench.process import Cores, Failed, family, running, spent
from tests.bench.scenario import Reading

PYTHON = SOURCES.parents[1] / ".tools/image/bin/python"
NATIVE = "headgate, Gemini natively"
LITELLM = "litellm"
WARM_UP = 50
CONFIG = """\
  google: {provider: gemini, api: native, base_url: "@URL@", api_key: none}
routes:
  gemini:
    variants:
      gemini: {upstream: google, model: gemini-2.5-flash, price: {input: 0.3, cached_input: 0.1, output: 2.5}}
    variant: gemini
    difficulty: {scale: codeforces, from: [header, metadata.rating], strata: [1600, 2200, 2800]}
"""


@dataclass(frozen=True)
class Pair:
    """Both, ready to be measured: the gateway's port and first process, the upstream's address."""

    port: int
    pid: int
    url: str
    cores: Cores
    directory: Path

    def through_the_gateway(self, seconds: float, *, stream: bool) -> Reading:
        """Requests through the gateway for so long."""
        path = "/v1/chat/completions"
        body = {
            "model": "gemini",
            "messages": MESSAGES,
            "temperature": 0.2,
            "max_tokens": 2048,
            "stream": stream,
        }
        text = json.dumps(body | {"stream_options": {"include_usage": True}} if stream else body).encode()
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

        def ask() -> None:
            connection.request("POST", path, text, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200 or (stream and not answer.endswith(b"[DONE]\n\n")):
                raise Failed(f"{NATIVE}: {response.status} {answer[:200]!r}")

        for _ in range(WARM_UP):
            ask()
        before, began, count = family(self.pid), time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            ask()
            count += 1
        took = time.perf_counter() - began
        cpu = sum(used for _, used in spent(before, family(self.pid)).values())
        connection.close()
        return _reading(count, took, cpu, stream)

    def by_litellm(self, seconds: float, *, stream: bool) -> Reading:
        """The same by `acompletion`."""
        request = self.directory / "messages.json"
        request.write_text(json.dumps(MESSAGES))
        command = ["taskset", "-c", str(self.cores.gateway), str(PYTHON), str(SOURCES / "litellm_loop.py")]
        command += [f"{self.url}/v1beta", str(seconds), str(stream).lower(), str(request)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"litellm: {done.stderr[-500:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        return _reading(told["requests"], told["seconds"], told["cpu"], stream)


def _reading(count: int, seconds: float, cpu: float, stream: bool) -> Reading:
    kind = "stream" if stream else "request"
    return {f"cpu_{kind}": cpu / count * 1e6, f"time_{kind}": seconds / count * 1e6}


@contextmanager
def pair(cores: Cores, directory: Path) -> Iterator[Pair]:
    """Starts the upstream and the gateway. Raises Missing without the image's environment."""
    if not PYTHON.exists():
        raise Missing("litellm is not at hand; the benchmark needs it: make .tools/image/.done")
    directory.mkdir()
    upstream_port, port, admin_port = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{upstream_port}"
    program = [str(PYTHON), "-P", "-m", "gateway.cli.main"]
    file = directory / "headgate.yaml"
    file.write_text(SERVER + CONFIG.replace("@URL@", url))
    serve = [*program, "serve", "--config", str(file), "--port", str(port), "--admin-port", str(admin_port)]
    serve += ["--workers", "1", "--state", str(directory / "state")]
    upstream = [*program, "upstream", "--port", str(upstream_port), "--seed", "1"]
    log = directory / "output.log"
    with (
        running(upstream, [cores.load], environment(), directory / "upstream.log"),
        running(serve, [cores.gateway], environment(), log) as process,
    ):
        await_ready(NATIVE, port, process, log)
        yield Pair(port, process.pid, url, cores, directory)
