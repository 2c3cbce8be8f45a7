"""Runs the tests in openai-python's source distribution, in their own environment, against any server."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.programs import TOOLS

FOLDERS = ("chat", "completions", "embeddings", "models", "responses")
"""Of `tests/api_resources`; each is a folder, a file `test_….py`, or both."""
KEY = "My API Key"
"""What the suite's own fixtures send."""
MINUTES = 10.0
_MODEL = re.compile(r'model="([^"]+)"|\bretrieve\(\s*"([^"]+)"')


@dataclass(frozen=True)
class Suite:
    """One release of the client with its tests, in `.tools/NAME`."""

    name: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return TOOLS / self.name / "bin" / "python"

    @property
    def sources(self) -> Path:
        """The unpacked source distribution. Skips when it could not be had."""
        found = list((TOOLS / self.name / "suite").glob("openai-*"))
        if not found or not self.python.exists():
            pytest.skip(f"the source distribution of {self.name} is not here; `make conformance` says why")
        return found[0]

    def models(self) -> list[str]:
        """Every name that its tests ask for as a model."""
        texts = [path.read_text() for paths in self._paths().values() for path in _files(paths)]
        names = {found[1] or found[2] for text in texts for found in _MODEL.finditer(text)}
        return sorted(name for name in names if not name.startswith(("resp_", "completion")))

    def run(self, base_url: str, folder: Path) -> dict[str, str]:
        """Test by id → what was wrong with it; empty: nothing."""
        report = folder / "report.xml"
        paths = [str(path.relative_to(self.sources)) for group in self._paths().values() for path in group]
        command = [str(self.python), "-m", "pytest", "-q", "-o", "addopts=", "-o", "junit_family=xunit1"]
        ran = subprocess.run(
            [*command, "--tb=line", f"--junitxml={report}", *paths],
            cwd=self.sources,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TEST_API_BASE_URL": base_url},
            capture_output=True,
            text=True,
            timeout=60 * MINUTES,
        )
        assert ran.returncode in {0, 1}, ran.stdout[-4000:] + ran.stderr[-4000:]
        return {_id(case): _wrong(case) for case in ElementTree.parse(report).iter("testcase")}

    def _paths(self) -> dict[str, list[Path]]:
        root = self.sources / "tests" / "api_resources"
        return {
            name: [path for path in (root / name, root / f"test_{name}.py") if path.exists()]
            for name in FOLDERS
        }


def _files(paths: list[Path]) -> list[Path]:
    return [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]


def group_of(test: str) -> str:
    """Which of `FOLDERS` a test is of."""
    return next(name for name in FOLDERS if re.match(rf"tests/api_resources/({name}/|test_{name}\.py)", test))


def _id(case: ElementTree.Element) -> str:
    kind = case.get("classname", "").rpartition(".")[2]
    return f"{case.get('file')}::{kind}::{case.get('name')}"


def _wrong(case: ElementTree.Element) -> str:
    for kind in ("failure", "error", "skipped"):
        if (found := case.find(kind)) is not None:
            return f"{kind}: {found.get('message', '')}"
    return ""
