"""The seeds, replayed: whole, in many pieces, and cut at every line end."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.fuzz.cuts import seams
from tests.fuzz.targets import CORPUS, STREAMS, TARGETS, seeds

KNOWN: dict[str, str] = {}
"""Seeds that fail, and what has to be mended first; a mended one fails here until it is struck off."""


def _marked(path: Path) -> ParameterSet:
    reason = KNOWN.get(f"{path.parent.name}/{path.name}")
    marks = [pytest.mark.xfail(reason=reason)] if reason else []
    return pytest.param(path, id=f"{path.parent.name}-{path.name}", marks=marks)


@pytest.mark.parametrize("path", [_marked(path) for target in TARGETS for path in seeds(target)])
def test_a_seed(path: Path) -> None:
    data = path.read_bytes()
    target = path.parent.name
    TARGETS[target](data)
    if target in STREAMS:
        STREAMS[target](data, seams(data))


def test_every_folder_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} == set(TARGETS)


def test_line_ends_are_left_alone() -> None:
    assert "* -text" in (CORPUS / ".gitattributes").read_text().splitlines()
    assert b"\r\n" in (CORPUS / "http" / "plain-get").read_bytes()
