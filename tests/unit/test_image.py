"""The image's recipe names files that exist, and keeps its promises of an unprivileged process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def arguments(instruction: str) -> list[str]:
    """What follows each `instruction`, in order."""
    return [line.split(None, 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


@pytest.mark.parametrize(
    "source",
    [name for line in arguments("COPY") if not line.startswith("--from") for name in line.split()[:-1]],
)
def test_what_is_copied_exists_and_is_sent_to_the_engine(source: str) -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert (ROOT / source).exists()
    assert source in kept


def test_it_runs_unprivileged() -> None:
    assert [re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) is not None for user in arguments("USER")] == [True]


def test_its_base_is_a_tagged_python_that_the_project_supports() -> None:
    assert {base.split()[0] for base in arguments("FROM")} == {"python:3.11-slim-bookworm"}


def test_its_health_check_and_command_are_whole() -> None:
    (health,) = arguments("HEALTHCHECK")
    compile(json.loads(health[health.index("[") :])[2], "HEALTHCHECK", "exec")
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["headgate"]
    assert json.loads(arguments("CMD")[0])[0] == "serve"
