"""Schemathesis, in its own environment: requests made from an OpenAPI document, answers held against it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.conformance.programs import TOOLS

PROGRAM = TOOLS / "schemathesis" / "bin" / "st"
CHECKS = ("not_a_server_error", "response_schema_conformance", "content_type_conformance")
MINUTES = 10.0


@dataclass(frozen=True)
class Checked:
    """What came of a run: requests sent, how many of the answers were wrong, and schemathesis's words."""

    sent: int
    wrong: int
    words: str


def checked(
    document: dict[str, Any],
    path: str,
    url: str,
    folder: Path,
    *,
    mode: Literal["positive", "negative"],
    examples: int = 50,
) -> Checked:
    """Checks one path of the document against the server at `url`, the same way every time.

    `mode`: requests as the document allows them, or broken in all the ways that it forbids.
    """
    if not PROGRAM.exists():
        pytest.skip("schemathesis is not installed; `make conformance` says why")
    source, report = folder / "document.json", folder / "report.json"
    source.write_text(json.dumps(document))
    command = [str(PROGRAM), "run", str(source), "--url", url, "--include-path", path]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--mode", mode]
    command += ["--max-examples", str(examples), "--generation-deterministic", "--continue-on-failure"]
    command += ["--suppress-health-check", "all", "--warnings", "off", "--no-color"]
    command += ["--report", "json", "--report-json-path", str(report)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60 * MINUTES)
    assert report.exists(), ran.stdout[-4000:] + ran.stderr[-4000:]
    told = json.loads(report.read_text())
    cases = told["test_cases"]
    whole = told["complete"] and not told["operations"]["errored"]
    words = ran.stdout.partition("= FAILURES =")[2] or ran.stdout
    return Checked(cases["generated"], cases["with_failures"] + (not whole), words)
