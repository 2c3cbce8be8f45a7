"""The clients: programs in environments of their own that drive a gateway and print what they saw."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120.0
"""Seconds that a client may take on a busy machine before it counts as stuck."""
TOOLS = Path(__file__).parents[2] / ".tools"
NODE_MODULES = TOOLS / "node" / "node_modules"
HERE = Path(__file__).parent / "clients"

EVERYBODYS = (
    "chat",
    "stream",
    "stream_with_usage",
    "tools",
    "streamed_tools",
    "structured",
    "bad_key",
    "unknown_model",
    "faults",
)
OPENAIS = (*EVERYBODYS, "responses", "embeddings", "models", "request_id")
"""What only OpenAI's own clients show."""


class Report(dict[str, Any]):
    """What a client saw, by case."""

    def __getitem__(self, case: str) -> Any:
        seen = super().__getitem__(case)
        assert not (isinstance(seen, dict) and "broke" in seen), f"{case}:\n{seen['broke']}"
        return seen


@dataclass(frozen=True)
class Client:
    """A program that drives a gateway: what runs it, what must be there for that, and the cases it knows."""

    name: str
    command: tuple[str, ...]
    needs: Path
    cases: tuple[str, ...] = EVERYBODYS
    environment: dict[str, str] = field(default_factory=dict)

    def drive(self, url: str, key: str, route: str) -> Report:
        """Its report on a route, by case. Skips when the client could not be installed."""
        if not self.needs.exists():
            pytest.skip(f"{self.name} is not installed; `make conformance` says why")
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | self.environment
        ran = subprocess.run(
            [*self.command, url, key, route, *self.cases],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert ran.returncode == 0, f"{self.name} failed:\n{ran.stderr}"
        return Report(json.loads(ran.stdout))


def _python(name: str, tool: str, program: str, cases: tuple[str, ...] = EVERYBODYS, **more: str) -> Client:
    interpreter = TOOLS / tool / "bin" / "python"
    return Client(name, (str(interpreter), str(HERE / program)), interpreter, cases, more)


def _node(name: str, program: str, cases: tuple[str, ...] = EVERYBODYS) -> Client:
    environment = {"NODE_PATH": str(NODE_MODULES)}
    return Client(name, ("node", str(HERE / program)), TOOLS / "node" / ".done", cases, environment)


OPENAI_CLIENTS = (
    _python("openai-python-2", "openai-2", "python_openai.py", OPENAIS),
    _python("openai-python-3", "openai-3", "python_openai.py", OPENAIS),
    _node("openai-node", "node_openai.cjs", OPENAIS),
)
CLIENTS = (
    *OPENAI_CLIENTS,
    _python("langchain-openai", "langchain", "langchain_chat.py"),
    _python("llama-index", "llama-index", "llama_index_chat.py"),
    # It fetches a price map from the network when it is imported, unless it is told not to.
    _python("litellm", "litellm", "litellm_chat.py", LITELLM_LOCAL_MODEL_COST_MAP="True"),
    _python(
        "pydantic-ai",
        "pydantic-ai",
        "pydantic_ai_chat.py",
        tuple(case for case in EVERYBODYS if case != "stream"),  # it always asks for usage
    ),
    _node("ai-sdk", "node_ai_sdk.cjs"),
)
