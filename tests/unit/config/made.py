"""Small configurations for tests."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from config.load import Loaded, parse
from config.problems import ConfigError

TODAY = date(2026, 11, 1)

HASH = "sha256:" + "0123456789abcdef" * 4

SMALL = """
upstreams:
  openai: {provider: openai, api_key: a-key}
routes:
  solver:
    variants:
      base: {upstream: openai, model: gpt-4.1-mini}
      tuned: {upstream: openai, model: "ft:gpt-4.1-mini-2025-04-14:acme:cp:abc"}
"""


def loaded(text: str, environ: Mapping[str, str] | None = None, base: Path = Path("/nowhere")) -> Loaded:
    """The configuration of a text, which may be indented as a whole."""
    return parse(textwrap.dedent(text), base=base, environ=environ or {}, today=TODAY)


def mistakes(text: str, environ: Mapping[str, str] | None = None, base: Path = Path("/nowhere")) -> list[str]:
    """Every mistake of a text as `line: path: message`; none when it is valid."""
    try:
        loaded(text, environ, base)
    except ConfigError as error:
        return [f"{problem.line}: {problem}" for problem in error.problems]
    return []


def small(rest: str) -> str:
    """The small configuration with more lines for its one route, whose first is line 9."""
    return SMALL + textwrap.indent(textwrap.dedent(rest).strip("\n"), "    ") + "\n"


def warnings(text: str) -> list[str]:
    """Every warning of a valid text."""
    return [str(problem) for problem in loaded(text).warnings]
