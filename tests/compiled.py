"""`pytest -p tests.compiled`: the tests are those of the compiled modules, or there are none."""

from __future__ import annotations

import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILED: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["headgate"]["compiled"]
"""The files that are compiled into the wheel, relative to the root."""

STAND_INS = ("tests/fuzz", "tests/unit/data/test_relay_response.py")
"""What hands others over for a request or a table: a compiled function takes the real ones only."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leaves them to the interpreted run."""
    return any(collection_path.is_relative_to(ROOT / file) for file in STAND_INS) or None


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is tested if any of them would be imported as Python source."""
    for file in COMPILED:
        spec = find_spec(file.removesuffix(".py").replace("/", "."))
        origin = spec.origin if spec is not None else None
        if origin is None or not origin.endswith(tuple(EXTENSION_SUFFIXES)):
            raise pytest.UsageError(f"{file} is not compiled ({origin}): building the wheel says why")
