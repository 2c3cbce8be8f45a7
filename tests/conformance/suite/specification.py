"""The OpenAPI document of OpenAI's API that the mock and the schema checks go by."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance.programs import TOOLS

GIVEN = "OPENAI_OPENAPI"
"""Environment: the path of OpenAI's own OpenAPI file, which no package of PyPI, npm or Debian carries."""


def specification(release: str, folder: Path) -> Path:
    """OpenAI's own file if one is given, else a document made of the types of the client `.tools/RELEASE`."""
    if given := os.environ.get(GIVEN):
        path = Path(given).resolve()
        assert path.is_file(), f"{GIVEN} names no file: {path}"
        return path
    python = TOOLS / release / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{release} is not installed; `make conformance` says why")
    path = folder / f"{release}.openapi.json"
    program = Path(__file__).with_name("derive.py")
    path.write_text(subprocess.run([python, program], check=True, capture_output=True, text=True).stdout)
    return path
