"""What the documents show works: links lead somewhere, the README's configuration and program are valid."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from config.load import parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of one language."""
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(body) for _, body in fenced]


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / path).read_text())
    files = [target for target in targets if "://" not in target]
    assert [target for target in files if not (ROOT / path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_no_figure_was_left_to_be_filled_in(path: Path) -> None:
    assert re.findall(r"@[A-Z]+@", (ROOT / path).read_text()) == []


def test_the_readmes_configuration_is_valid() -> None:
    (text,) = blocks("yaml")
    text = text.replace("sha256:…", "sha256:" + "0" * 64)
    loaded = parse(text, base=ROOT, environ={"OPENAI_API_KEY": "one", "GEMINI_API_KEY": "two"})
    assert set(loaded.config.routes) == {"solver"}


def test_the_readmes_program_is_five_lines_of_python() -> None:
    (program,) = blocks("python")
    compile(program, "README.md", "exec")
    assert len([line for line in program.splitlines() if line]) == 5
