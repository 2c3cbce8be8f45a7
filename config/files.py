"""Files that the configuration refers to: resolved and read when it is loaded.

The validation context is a `Reading`: the folder that relative paths start from, and the files met so far,
which are the files to watch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

MOST = 1024 * 1024
"""Bytes that a file may hold."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The context of one load."""

    base: Path
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file and what it held when it was read."""

    path: Path
    text: str = field(repr=False)


def watched(value: object, info: ValidationInfo) -> Path:
    """The absolute path of a file, which need not be there; from now on it is one to watch."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be the path of a file")
    reading = cast(Reading, info.context)
    path = (reading.base / value).absolute()
    if path not in reading.files:
        reading.files.append(path)
    return path


def read(path: Path) -> bytes:
    """The bytes of a file. Raises ValueError when it is missing, unreadable or too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > MOST:
        raise ValueError(f"{path} holds more than 1 MiB")
    return content


def _existing(value: object, info: ValidationInfo) -> Path:
    path = watched(value, info)
    read(path)
    return path


def _text(value: object, info: ValidationInfo) -> TextFile:
    path = watched(value, info)
    try:
        return TextFile(path, read(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object, and the file that it came from if it was not written in place."""

    path: Path | None
    content: dict[str, Any] = field(repr=False)


def _document(value: object, info: ValidationInfo) -> Document:
    if isinstance(value, dict):
        return Document(None, value)
    file = _text(value, info)
    try:
        content = json.loads(file.text)
    except (ValueError, RecursionError):
        raise ValueError(f"{file.path} is not JSON") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file.path} must hold a JSON object")
    return Document(file.path, content)


_PATH = {"type": "string", "description": "a path, relative to the configuration file"}

ExistingFile = Annotated[
    Path, BeforeValidator(_existing), PlainSerializer(str, when_used="json"), WithJsonSchema(_PATH)
]
"""The absolute path of a file that can be read."""

Prose = Annotated[
    TextFile,
    BeforeValidator(_text),
    PlainSerializer(lambda file: str(file.path), when_used="json"),
    WithJsonSchema(_PATH),
]
"""A UTF-8 text file, read."""

JsonDocument = Annotated[
    Document,
    BeforeValidator(_document),
    PlainSerializer(lambda it: str(it.path) if it.path else it.content, when_used="json"),
    WithJsonSchema({"anyOf": [_PATH, {"type": "object"}]}),
]
"""A JSON object: a path, or the object itself."""
