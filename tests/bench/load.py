"""What is sent, how, and what came of it: a request, a load, a result."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.build import program
from tests.bench.process import Failed

EVENTS = 201
"""Server-sent events of one streamed answer: 200 chunks and `[DONE]`."""

MESSAGES = [
    {
        "role": "system",
        "content": "You write C++17 for programming contests. Answer with one fenced block of code and "
        "nothing else. Read from standard input, write to standard output, mind the limits.",
    },
    {
        "role": "user",
        "content": "Given an undirected graph of n vertices and m weighted edges, find for every edge the "
        "weight of the lightest spanning tree that holds it. The first line has n and m, each of the next m "
        "lines has u, v and w. Print m numbers, one a line, in the order of the edges. n, m <= 200000, "
        "1 <= w <= 10^9; the time limit is two seconds, the memory limit 256 megabytes.",
    },
    {
        "role": "assistant",
        "content": "Should I assume that the graph is connected and may hold parallel edges?",
    },
    {
        "role": "user",
        "content": "Yes, both. A sample: 5 7 / 1 2 3 / 1 3 1 / 1 4 5 / 2 3 2 / 2 5 3 / 3 4 2 / 4 5 4; "
        "for it the program prints 9 8 11 8 8 8 9.",
    },
]

CLIENT_HEADERS = """\
Accept: application/json
Accept-Encoding: gzip, deflate
Content-Type: application/json
User-Agent: OpenAI/Python 2.54.0
X-Stainless-Lang: python
X-Stainless-Package-Version: 2.54.0
X-Stainless-OS: Linux
X-Stainless-Arch: x64
X-Stainless-Runtime: CPython
X-Stainless-Runtime-Version: 3.11.9
X-Stainless-Async: false
x-stainless-retry-count: 0
x-stainless-read-timeout: 600
"""


def request(port: int, path: str, model: str, key: str, *, stream: bool, bare: bool = False) -> bytes:
    """A whole HTTP request as the `openai` client sends it, its body about 1 KB.

    `########` in it becomes the user's number. `bare`: without metadata and user.
    """
    body: dict[str, object] = {
        "messages": MESSAGES,
        "model": model,
        "max_completion_tokens": 2048,
        "metadata": {"rating": "2700"},
        "temperature": 0.2,
        "user": "contestant-########",
    }
    if bare:
        del body["metadata"], body["user"]
    if stream:
        body["stream"] = True
    text = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\nHost: 127.0.0.1:{port}\nConnection: keep-alive\n"
        f"Authorization: Bearer {key}\n{CLIENT_HEADERS}Content-Length: {len(text)}\n\n"
    )
    return head.replace("\n", "\r\n").encode() + text


@dataclass(frozen=True)
class Load:
    """How requests are sent; times in seconds. `rate` 0: a closed loop of `connections`."""

    connections: int
    seconds: float
    warmup: float = 0.3
    rate: float = 0.0
    ramp: float = 0.0
    stream: bool = False


@dataclass(frozen=True)
class Result:
    """What a load saw: totals of the whole run, rates of its measured part, latencies in µs by percentile."""

    requests: int
    events: int
    rate: float
    event_rate: float
    latency: Mapping[str, float]
    first_event: Mapping[str, float]


def run(load: Load, port: int, path: Path, name: str, end: str = "") -> Result:
    """Sends the request in the file `path` to 127.0.0.1:`port`. Raises Failed when an answer was wrong.

    `end`: how the body of a right answer ends, if not as the upstream's does.
    """
    command = [str(program("load")), str(port), str(path)]
    command += ["--connections", str(load.connections), "--seconds", str(load.seconds)]
    command += ["--warmup", str(load.warmup), "--rate", str(load.rate), "--ramp", str(load.ramp)]
    if load.stream:
        command += ["--events", str(EVENTS)]
    if end:
        command += ["--end", end]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{name}: {done.stderr.strip()}")
    seen = json.loads(done.stdout)
    if seen["errors"]:
        raise Failed(f"{name}: {seen['errors']} errors in {load}, the first: {seen['first_error']}")
    return Result(
        seen["requests"],
        seen["events"],
        seen["rate"],
        seen["event_rate"],
        seen["latency"],
        seen["first_event"],
    )
