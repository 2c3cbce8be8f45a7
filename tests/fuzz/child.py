"""One target under atheris: a process of its own, since libFuzzer never returns.

python -m tests.fuzz.child TARGET [LIBFUZZER OPTION …] FOUND CORPUS
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

WATCHED = [
    "config", "gateway.data", "gateway.providers", "gateway.run", "routing", "h11", "tests.fuzz.grammar",
]  # fmt: skip
"""Whose branches guide the search. Ours parses in C, which shows none: the oracles show theirs instead."""


def main() -> None:
    """Fuzzes until libFuzzer ends the process."""
    atheris: Any = importlib.import_module("atheris")  # not installed where types are checked
    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=WATCHED):
        targets = importlib.import_module("tests.fuzz.targets")
    atheris.Setup(sys.argv, targets.TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
