"""Gateways that run on what the image holds, litellm among it, before upstreams that say what a test says."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.programs import TOOLS
from tests.support.gateway import Gateway, running_gateway
from tests.support.scripted import ScriptedUpstream, answer

PYTHON = TOOLS / "image/bin/python"
PATIENCE = 120.0
"""Seconds for a start that takes five on an idle machine."""
CHAT = "/v1/chat/completions"
KEY = "AIza-canary-of-a-google-key-0123456789"
LITELLM_KEY = "sk-canary-of-another-key-0123456789"
ROUTE = """
  {name}:
    variants:
      it: {{upstream: {upstream}, model: "{model}", price: {{input: 1, cached_input: 0.5, output: 2}}}}
      other: {{upstream: other, model: other-model, price: {{request: 1}}}}
    variant: it
    fallbacks: {fallbacks}
    breaker: "off"
    {more}
"""


def route(name: str, upstream: str, model: str, *, alone: bool = False, more: str = "") -> str:
    """A route with one variant on `upstream`, and unless it is alone another one to fall back to."""
    fallbacks = "[]" if alone else "[other]"
    return ROUTE.format(name=name, upstream=upstream, model=model, fallbacks=fallbacks, more=more)


@contextlib.contextmanager
def on_the_image(
    folder: Path, text: str, *, options: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """`headgate serve` on the configuration `text`, with litellm at hand. Skips when it is not installed."""
    if not PYTHON.exists():
        pytest.skip("the environment of the image is not installed; `make conformance` does it")
    config = folder / "headgate.yaml"
    config.write_text(text)
    with running_gateway(
        config, options=options, environ=environ, python=str(PYTHON), patience=PATIENCE
    ) as gateway:
        gateway.wait_until(lambda: gateway.logged("serving"))
        yield gateway


@contextlib.contextmanager
def simulated(*options: str) -> Iterator[str]:
    """The root of a simulated upstream's addresses."""
    command = [str(PYTHON), "-P", "-m", "gateway.cli.main", "upstream", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1].removesuffix("/v1")
        finally:
            process.terminate()


@contextlib.contextmanager
def aimock(folder: Path, fixtures: list[dict[str, Any]]) -> Iterator[str]:
    """The root of an aimock's addresses. Skips when it is not installed."""
    program = TOOLS / "aimock/node_modules/.bin/llmock"
    if not program.exists():
        pytest.skip("aimock is not installed; `make conformance` says why")
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": fixtures}))
    command = [str(program), "--port", "0", "--fixtures", str(file)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if "listening on" in line:
                    yield line.split()[-1]
                    return
            raise AssertionError("aimock ended")
        finally:
            process.terminate()


def root_of(upstream: ScriptedUpstream) -> str:
    """The root of a scripted upstream's addresses."""
    return upstream.url.removesuffix("/v1")


def body(model: str, **fields: Any) -> dict[str, Any]:
    """A chat completion."""
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}


def says(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    """An answer of Gemini's, or an event of one."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 15,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 120,
    }
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", **more}


def sse(*events: Any) -> list[bytes]:
    """Events as they go over the wire."""
    return [b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events]


def plain(value: Any, status: int = 200) -> list[Any]:
    """A JSON answer."""
    return answer(body=json.dumps(value).encode(), status=status)
