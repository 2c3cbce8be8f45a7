"""Where rows are run: gateways of their own, or one scene that all rows share which leave it as it was."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tests.bench.process import Failed, Member, family
from tests.chaos.row import Finding, Row, Skipped
from tests.support.client import Response
from tests.support.gateway import Gateway, running_gateway
from tests.support.ports import free_ports
from tests.support.processes import CHAT
from tests.support.scripted import Received, ScriptedUpstream, scripted_upstream

Size = TypeVar("Size", int, float)
FAILURES = (
    AssertionError,
    EOFError,
    Failed,
    LookupError,
    OSError,
    ValueError,
    http.client.HTTPException,
    subprocess.TimeoutExpired,
)
"""How a row fails: the gateway does not answer, not to the end, not as HTTP has it, or does not leave."""
ROUTES = {"solo": 40}
OTHERS = 10
"""Routes of a kind in the scene. A route is used by one case only: no case meets another's breakers."""

SCENE = """
server:
  lame_duck: 0s
upstreams:
  main: {provider: openai, base_url: "@ORIGIN@/v1"}
  one: {provider: openai, base_url: "@ORIGIN@/one/v1"}
  two: {provider: openai, base_url: "@ORIGIN@/two/v1"}
  three: {provider: openai, base_url: "@ORIGIN@/three/v1"}
  nowhere: {provider: openai, base_url: "http://127.0.0.1:@NOWHERE@/v1"}
routes:
"""
KINDS = {
    "solo": """
    variants:
      only: {upstream: main, model: @NAME@-only}
    variant: only
""",
    "pair": """
    variants:
      first: {upstream: main, model: @NAME@-first}
      spare: {upstream: main, model: @NAME@-spare}
    variant: first
    fallbacks: [spare]
""",
    "hasty": """
    variants:
      only: {upstream: main, model: @NAME@-only}
    variant: only
    timeouts: {first_token: 1500ms, idle: 1500ms, total: 3s}
""",
    "hasty-pair": """
    variants:
      first: {upstream: main, model: @NAME@-first}
      spare: {upstream: main, model: @NAME@-spare}
    variant: first
    fallbacks: [spare]
    timeouts: {first_token: 1500ms, idle: 1500ms, total: 8s}
""",
    "three": """
    variants:
      one: {upstream: one, model: @NAME@-m}
      two: {upstream: two, model: @NAME@-m}
      three: {upstream: three, model: @NAME@-m}
    segments: [{name: all, weights: {one: 34, two: 33, three: 33}}]
    sticky: []
    fallbacks: [one, two, three]
""",
    "unreachable": """
    variants:
      first: {upstream: nowhere, model: nobody}
      spare: {upstream: main, model: @NAME@-spare}
    variant: first
    fallbacks: [spare]
""",
}
"""The scene's routes by kind."""
HASTE, AT_MOST = 1.5, 3.0
"""Seconds to a hasty route's first token and between its events, and for the whole."""


class Scene:
    """A gateway with one worker in front of a scripted upstream, and plenty of routes."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream) -> None:
        self.gateway = gateway
        self.upstream = upstream
        self._unused = {kind: iter(range(ROUTES.get(kind, OTHERS))) for kind in KINDS}

    def route(self, kind: str) -> str:
        """A route of this kind that nobody has used."""
        return f"{kind}-{next(self._unused[kind])}"

    def ask(self, route: str, *, stream: bool = False) -> Response:
        """One chat completion. Raises http.client.HTTPException when the answer is cut off without a word."""
        return self.gateway.post(CHAT, chat(route, stream=stream))

    def calls(self, route: str) -> list[Received]:
        """The upstream's calls for a route."""
        received = list(self.upstream.received)
        return [one for one in received if one.json["model"].startswith(f"{route}-")]


class Lab:
    """What a row may use. `short` asks for the smallest form of a fault that still shows it."""

    def __init__(self, directory: Path, *, short: bool = False) -> None:
        self.short = short
        self._directory = directory
        self._started = 0
        self._stack = contextlib.ExitStack()
        self._scene: Scene | None = None

    def size(self, full: Size, short: Size) -> Size:
        """How many or how long."""
        return short if self.short else full

    def place(self) -> Path:
        """A new directory."""
        self._started += 1
        path = self._directory / f"gateway-{self._started}"
        path.mkdir()
        return path

    @contextlib.contextmanager
    def gateway(self, text: str, *, workers: int = 1) -> Iterator[Gateway]:
        """A gateway of the row's own with the configuration `text`."""
        path = self.place() / "headgate.yaml"
        path.write_text(text)
        with running_gateway(path, options=["--workers", str(workers)]) as gateway:
            gateway.wait_until(lambda: gateway.get("/health/ready", port=gateway.admin_port).status == 200)
            yield gateway

    def scene(self) -> Scene:
        """The scene that rows share, with an upstream that has forgotten everything."""
        if self._scene is None:
            upstream = self._stack.enter_context(scripted_upstream())
            (nowhere,) = free_ports(1)  # taken, and nobody listens
            text = SCENE.replace("@ORIGIN@", f"http://127.0.0.1:{upstream.port}")
            text = text.replace("@NOWHERE@", str(nowhere))
            for kind, route in KINDS.items():
                for number in range(ROUTES.get(kind, OTHERS)):
                    name = f"{kind}-{number}"
                    text += f"  {name}:{route.replace('@NAME@', name)}"
            self._scene = Scene(self._stack.enter_context(self.gateway(text)), upstream)
        self._scene.upstream.reset()
        return self._scene

    def run(self, row: Row) -> Finding:
        """Runs a row to its finding, whatever happens."""
        began = time.monotonic()
        try:
            figures = row.run(self)
        except Skipped as skipped:
            return Finding(row, skipped=str(skipped))
        except FAILURES as error:
            text = f"{type(error).__name__}: {str(error)[-300:]}"
            return Finding(row, seconds=time.monotonic() - began, error=text)
        if self.short:
            figures = [figure.unjudged() if figure.timed else figure for figure in figures]
        return Finding(row, figures, time.monotonic() - began)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def chat(route: str, *, stream: bool = False) -> dict[str, object]:
    """The body of a chat completion."""
    return {"model": route, "messages": [{"role": "user", "content": "hi"}], "stream": stream}


def raw_chat(route: str, *, stream: bool = False) -> bytes:
    """The bytes of a chat completion request."""
    return raw("POST", CHAT, chat(route, stream=stream))


def raw(method: str, path: str, content: dict[str, object] | None = None) -> bytes:
    """The bytes of a request."""
    body = b"" if content is None else json.dumps(content, separators=(",", ":")).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def workers_of(gateway: Gateway) -> list[Member]:
    """The gateway's workers."""
    return [member for member in family(gateway.process.pid) if member.role == "worker"]


class Memory:
    """How far a worker's resident memory has grown since this was made, at its highest."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts anew
        self._before = self._kilobytes("VmRSS")

    def growth(self) -> float:
        """MB now."""
        return (self._kilobytes("VmRSS") - self._before) / 1000

    def peak(self) -> float:
        """MB at the highest."""
        return (self._kilobytes("VmHWM") - self._before) / 1000

    def _kilobytes(self, name: str) -> int:
        line = next(line for line in self._status.read_text().splitlines() if line.startswith(name))
        return int(line.split()[1])


def slowest(seconds: Sequence[float]) -> float:
    """The longest of some durations, 0 without any."""
    return max(seconds, default=0.0)
