"""What is wrong with a configuration, told so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings, positions in lists."""


def dotted(path: Sequence[str | int]) -> str:
    """A key path as people write it: `routes.solver.segments[0].when`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake or warning: the key path it concerns (may be empty), the line if known, what to do."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def located(self, source: str) -> str:
        """`source:line: path: message`, as compilers write it."""
        return f"{source}:{self.line}: {self}" if self.line is not None else f"{source}: {self}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, before it is located; `needs` is what would have to stand elsewhere."""

    path: KeyPath
    message: str
    needs: KeyPath | None = None


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` holds all of its mistakes, by line.

    `source` is what was read: a file's path, or a word such as `environment`.
    """

    def __init__(self, problems: Iterable[Problem], source: str = "configuration") -> None:
        self.problems = by_line(problems)
        self.source = source
        super().__init__("\n".join(problem.located(source) for problem in self.problems))


def by_line(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Without repetitions, in the order in which they stand in the file."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.line or 0, problem.path)))
