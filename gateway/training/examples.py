"""Examples: what is learnt from and judged by, read from JSON lines.

    {"id", "prompt" or "messages", "rating"?, "weak"?, "strong"?, "group"?, "weight"?}

`weak` and `strong` say what the two variants made of it, 0 … 1 (or true and false). Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

from routing.difficulty.features import Features, features_of

BODIES = ("messages", "prompt", "input")


class DataError(ValueError):
    """Data that cannot be used; the message names file, line and field, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row. `gain` is how much better the strong variant did, or an unbiased estimate of it.

    `body` is None when only hashed features were kept, which are then `features`.
    """

    id: str
    body: dict[str, Any] | None
    features: Features | None = None
    rating: float | None = None
    weak: float | None = None
    strong: float | None = None
    gain: float | None = None
    group: str | None = None
    weight: float = 1.0

    def read(self) -> Features:
        """Its features."""
        if self.features is not None:
            return self.features
        return features_of(self.body or {})


def read_examples(path: Path, target: str) -> list[Example]:
    """The rows of a file that have the target, `gain` or `rating`. Raises DataError."""
    try:
        with path.open(encoding="utf-8") as lines:
            found = list(examples(lines, path.name))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8") from None
    wanted = [example for example in found if getattr(example, target) is not None]
    if not wanted:
        fields = '"rating"' if target == "rating" else '"weak" and "strong"'
        raise DataError(f"{path}: no row has {fields}, which the target {target} needs")
    return wanted


def examples(lines: Iterable[str], name: str) -> Iterator[Example]:
    """The rows in lines of JSON; empty lines are passed over. Raises DataError."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _example(_row(line, f"{name}:{number}"), f"{name}:{number}", str(number))


def body_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a request's body, as the gateway would read it; `prompt` may be a text or messages."""
    return {field: row[field] for field in BODIES if row.get(field) is not None}


def digest(found: Iterable[Example]) -> str:
    """SHA-256 of what was learnt from, so that a model tells."""
    total = sha256()
    for example in found:
        fields = [example.body, example.rating, example.weak, example.strong, example.gain, example.weight]
        total.update(json.dumps(fields, sort_keys=True).encode())
    return total.hexdigest()


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{where}: not valid JSON") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: a row is a JSON object")
    return row


def _example(row: dict[str, Any], where: str, name: str) -> Example:
    body = body_of(row)
    if not body:
        raise DataError(f'{where}: a row needs "prompt" or "messages"')
    weak, strong = (_number(row, field, where) for field in ("weak", "strong"))
    weight = _number(row, "weight", where)
    if weight is not None and weight <= 0:
        raise DataError(f"{where}: weight: must be above 0")
    return Example(
        id=str(row.get("id", name)),
        body=body,
        rating=_number(row, "rating", where),
        weak=weak,
        strong=strong,
        gain=None if weak is None or strong is None else strong - weak,
        group=None if row.get("group") is None else str(row["group"]),
        weight=1.0 if weight is None else weight,
    )


def _number(row: dict[str, Any], field: str, where: str) -> float | None:
    value = row.get(field)
    if value is None:
        return None
    if not isinstance(value, int | float) or not isfinite(value):
        raise DataError(f"{where}: {field}: must be a number, or true or false")
    return float(value)
