"""Models of difficulty as files: the built-in one under its name, any other at its path."""

from __future__ import annotations

from pathlib import Path

import config
from routing.difficulty.model import LARGEST, Model, ModelError, read_model

HEURISTIC = "heuristic"
"""The name of the built-in model, which comes with the package."""


def path_of(name: str) -> Path:
    """The file of a model that is called `name` where models are configured."""
    return Path(config.__file__).with_name("heuristic.json") if name == HEURISTIC else Path(name)


def read_file(path: Path) -> Model:
    """The model in a file, of which no more than `LARGEST` bytes are read. Raises OSError, ModelError."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ModelError(f"is larger than {LARGEST >> 20} MiB")
    return read_model(content)
