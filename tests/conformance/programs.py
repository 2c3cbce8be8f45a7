"""The clients: programs in environments of their own that drive a gateway and print what they saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
"""Seconds that a client may take on a busy machine before it counts as stuck."""
TOOLS = Path(__file__).parents[2] / ".tools"
HERE = Path(__file__).parent / "clients"


@dataclass(frozen=True)
class Client:
    """A program that drives a gateway: what runs it, and what must be there for that."""

    name: str
    command: tuple[str, ...]
    needs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def drive(self, url: str, key: str) -> dict[str, Any]:
        """Its report, by case. Skips when the client could not be installed."""
        if not self.needs.exists():
            pytest.skip(f"{self.name} is not installed; `make conformance` says why")
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | self.environment
        ran = subprocess.run(
            [*self.command, url, key], env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert ran.returncode == 0, f"{self.name} failed:\n{ran.stderr}"
        report: dict[str, Any] = json.loads(ran.stdout)
        return report


def _python(name: str, interpreter: Path, program: str) -> Client:
    return Client(name, (str(interpreter), str(HERE / program)), interpreter)


OPENAI_2 = _python("openai-python-2", Path(sys.executable), "python_openai.py")
OPENAI_3 = _python("openai-python-3", TOOLS / "openai-3/bin/python", "python_openai.py")
LANGCHAIN = _python("langchain-openai", TOOLS / "langchain/bin/python", "langchain_chat.py")
NODE = Client(
    "openai-node",
    ("node", str(HERE / "node_openai.cjs")),
    TOOLS / "node/.done",
    {"NODE_PATH": str(TOOLS / "node/node_modules")},
)
OPENAI_CLIENTS = (OPENAI_2, OPENAI_3, NODE)
CLIENTS = (*OPENAI_CLIENTS, LANGCHAIN)
