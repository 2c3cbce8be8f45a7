"""The task book: tasks that a simulated model can answer rightly and wrongly.

A JSON file: `{"tasks": [{"title", "rating", "statement", "samples", "right", "wrong"}]}`. A text is a string
or a list of lines; `samples` is a list of `{"input", "output"}`; `right` is one program, `wrong` a list of
programs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BookError(ValueError):
    """A task book that cannot be used; the message is one line for people."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One example of a task: what the program reads and what it has to print."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Task:
    """A programming task with its answers; `rating` is its difficulty, 800 … 3500."""

    title: str
    rating: float
    statement: str
    samples: tuple[Sample, ...]
    right: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Tasks, longest title first, so that a title within another one does not hide it."""

    tasks: tuple[Task, ...] = ()

    def find(self, text: str) -> Task | None:
        """The task whose title stands in `text`."""
        return next((task for task in self.tasks if task.title in text), None)


def load(path: Path) -> Book:
    """Reads a task book. Raises BookError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BookError(f"task book {path}: {error.strerror}") from None
    except ValueError as error:
        raise BookError(f"task book {path}: not JSON: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("tasks"), list):
        raise BookError(f'task book {path}: must be an object with a list "tasks"')
    tasks = []
    for number, entry in enumerate(content["tasks"], start=1):
        try:
            tasks.append(_task(entry))
        except (KeyError, TypeError, ValueError) as error:
            raise BookError(f"task book {path}: task {number}: missing or wrong: {error}") from None
    return Book(tuple(sorted(tasks, key=lambda task: -len(task.title))))


def _task(entry: Mapping[str, Any]) -> Task:
    return Task(
        title=_text(entry["title"]),
        rating=float(entry["rating"]),
        statement=_text(entry["statement"]),
        samples=tuple(Sample(_text(sample["input"]), _text(sample["output"])) for sample in entry["samples"]),
        right=_text(entry["right"]),
        wrong=tuple(_text(program) for program in entry["wrong"]),
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(f"{line}\n" for line in value)
    raise TypeError("a text is a string or a list of lines")
