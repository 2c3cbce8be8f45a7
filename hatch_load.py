"""The load by which the C compiler learns what requests run through: `python hatch_load.py [SECONDS]`.

The build hook runs it beside packages whose extensions count how often each branch is taken: a gateway and a
simulated upstream on free ports of this machine, and clients with requests of the common kinds. The counts
are written when the processes end.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SECONDS = 2.0
CLIENTS = 4
PATIENCE = 30.0
"""Seconds for a process to begin, and to end."""
KEY = "hg_load"
CONFIG = """\
server:
  keys: [{name: load, application: load, hash: "sha256:@HASH@"}]
  lame_duck: 0s
upstreams: {up: {provider: openai, base_url: "http://127.0.0.1:@PORT@/v1", api_key: none}}
routes:
  rated:
    variants:
      tuned: {upstream: up, model: tuned, price: {input: 0.8, cached_input: 0.2, output: 3.2}}
      base: {upstream: up, model: base, price: {input: 0.4, cached_input: 0.1, output: 1.6}}
    sticky: [header, metadata.headgate_key, user, conversation]
    difficulty: {scale: codeforces, from: [header, metadata.rating], strata: [1600, 2200]}
    segments:
      - name: hard
        when: {difficulty: {gte: 1800}}
        rollout: {baseline: base, candidate: tuned, stages: [50]}
      - {name: rest, weights: {tuned: 50, base: 50}}
    fallbacks: [base]
    retries: 1
  read:
    variants:
      tuned: {upstream: up, model: tuned}
      base: {upstream: up, model: base}
    difficulty: {scale: codeforces, estimate: heuristic}
    segments:
      - {name: hard, when: {difficulty: {gte: 1800}}, variant: tuned}
      - {name: rest, variant: base}
"""
TEXT = "Given an array of n integers and q queries, print the largest sum of a subarray of each range. "


def bodies(number: int) -> Iterator[dict[str, Any]]:
    """What a client asks in its turn `number`."""
    messages = [
        {"role": "system", "content": "You solve problems of programming contests."},
        {"role": "user", "content": TEXT * (1 + number % 9)},
    ]
    rated = {"model": "rated", "messages": messages, "user": f"user-{number % 500}", "temperature": 0.2}
    for rating in (1500, 2400):
        yield rated | {"metadata": {"rating": str(rating)}}
    yield rated | {"stream": True, "metadata": {"rating": "2000"}}
    yield {"model": "rated", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    if number % 8 == 0:
        yield {"model": "read", "messages": messages}


def ask(port: int, until: float) -> None:
    """One client, until a point on the monotonic clock. Raises OSError, RuntimeError."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "user-agent": "load"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    number = 0
    while time.monotonic() < until:
        number += 1
        for body in bodies(number):
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"a request was answered {answer.status}")
    connection.close()


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[int]:
    """The port of one of Headgate's commands, ended as a service manager does. Raises RuntimeError."""
    command = [sys.executable, "-P", "-m", "gateway.cli.main", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r" at http://127\.0\.0\.1:(\d+)|serving http://127\.0\.0\.1:(\d+)", line):
                yield int(found[1] or found[2])
                break
        else:
            raise RuntimeError(f"`headgate {arguments[0]}` ended: {said}")
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def main() -> None:
    """Serves for some seconds what clients ask."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as place, running("upstream", "--port", "0") as upstream:
        config = Path(place, "headgate.yaml")
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        config.write_text(CONFIG.replace("@PORT@", str(upstream)).replace("@HASH@", digest))
        options = ["--config", str(config), "--state", place, "--workers", "1"]
        with running("serve", *options, "--port", "0", "--admin-port", "0") as port:
            until = time.monotonic() + seconds
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(lambda _: ask(port, until), range(CLIENTS)))


if __name__ == "__main__":
    main()
