"""TensorZero's gateway, which its Python package carries whole; it records nothing, having no database."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.build import Missing
from tests.bench.contestant import STARTING, Contestant, Manner
from tests.bench.headgate import name_of
from tests.bench.process import Failed, running

PYTHON = Path(__file__).parents[3] / ".tools" / "tensorzero" / "bin" / "python"
SERVE = Path(__file__).with_name("serve_tensorzero.py")
MODELS = {"base": ("gpt-4.1-mini", 0.9), "tuned": ("ft:gpt-4.1-mini-2025-04-14:acme:cp:abc", 0.1)}
"""Two variants by weight, as Headgate's rollout has."""
_LISTENS = re.compile(rb"http://\S+:(\d+)/openai/v1")

GATEWAY = """\
[gateway]
observability.enabled = false
"""
MODEL = """
[models."@MODEL@"]
routing = ["upstream"]
[models."@MODEL@".providers.upstream]
type = "openai"
model_name = "@NAME@"
api_base = "http://127.0.0.1:@PORT@@PREFIX@/v1/"
api_key_location = "none"
"""
FUNCTION = """
[functions."@FUNCTION@"]
type = "chat"
[functions."@FUNCTION@".experimentation]
type = "static"
candidate_variants = {@WEIGHTS@}
"""
VARIANT = """
[functions."@FUNCTION@".variants.@VARIANT@]
type = "chat_completion"
model = "@MODEL@"
"""


def configuration(upstream_port: int, prefixes: Sequence[str]) -> str:
    """Its file: a function a prefix."""
    text = GATEWAY
    weights = ", ".join(f"{variant} = {weight}" for variant, (_, weight) in MODELS.items())
    for prefix in prefixes:
        function = name_of(prefix)
        text += FUNCTION.replace("@FUNCTION@", function).replace("@WEIGHTS@", weights)
        for variant, (name, _) in MODELS.items():
            values = {
                "FUNCTION": function,
                "VARIANT": variant,
                "MODEL": f"{function}-{variant}",
                "NAME": name,
                "PORT": str(upstream_port),
                "PREFIX": prefix,
            }
            part = VARIANT + MODEL
            for key, value in values.items():
                part = part.replace(f"@{key}@", value)
            text += part
    return text


@contextmanager
def tensorzero(
    upstream_port: int, cores: Sequence[int], directory: Path, prefixes: Sequence[str]
) -> Iterator[Contestant]:
    """It, with as many threads as it has cores."""
    if not PYTHON.exists():
        raise Missing("TensorZero is not installed: make bench-peers does it")
    directory.mkdir()
    file = directory / "tensorzero.toml"
    file.write_text(configuration(upstream_port, prefixes))
    log = directory / "output.log"
    environment = os.environ | {"RUST_LOG": "error"}
    start = time.monotonic()
    with running([str(PYTHON), "-P", str(SERVE), str(file)], cores, environment, log) as process:
        while not (listens := _LISTENS.search(log.read_bytes())):
            if process.poll() is not None or time.monotonic() - start > STARTING:
                raise Failed(f"tensorzero did not become ready:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.002)
        ready = time.monotonic() - start
        # It has no place for metadata and user, and says so in its log at each request.
        manner = Manner(
            "/openai/v1/chat/completions", "tensorzero::function_name::{name}", bare=True, end="}}"
        )
        yield Contestant("tensorzero", int(listens[1]), process.pid, ready, directory, manner=manner)
