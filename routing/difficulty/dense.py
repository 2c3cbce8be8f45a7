"""Dense features: a few numbers about a text's shape, which hold in any domain and cost next to nothing."""

from __future__ import annotations

from collections.abc import Collection
from math import log

from routing.difficulty.tokens import Tokens, magnitude

NAMES = (
    "length", "symbols", "numbers", "largest", "second", "first_bound", "second_bound", "largest_bound",
    "smallest_bound", "body", "input", "sentences", "lines", "questions", "commas", "formulas",
)  # fmt: skip
"""In the order of `dense_of`.

Counts are natural logarithms of one more than the count: characters (`length`), different letters that stand
alone (`symbols`), different numbers, words before the headings of input and output (`body`) and under that
of the input, sentences, lines, question marks, commas, dollar signs (`formulas`). The number of different
words is not among them: every typing error adds one. Magnitudes are decimal logarithms: the two largest
numbers; the first, second, largest and smallest upper bound. Where there is none they are -1.
"""
NONE = -1.0

_logs = tuple(log(1 + count) for count in range(4_096))


def dense_of(tokens: Tokens, unique: Collection[str]) -> tuple[float, ...]:
    """The dense features of a text; `unique` are its different words."""
    text, words, bounds = tokens
    size = len(words)
    numbers = [word for word in unique if word < ":"]
    largest = second = NONE
    if numbers:
        values = sorted(map(magnitude, numbers))
        largest = values[-1]
        second = values[-2] if len(values) > 1 else NONE
    limits = [value for _, value in bounds]
    given, asked = _sections(words, unique, size)
    count = text.count
    return (
        _log(len(text)),
        _log(list(map(len, unique)).count(1)),
        _log(len(numbers)),
        largest,
        second,
        limits[0] if limits else NONE,
        limits[1] if len(limits) > 1 else NONE,
        max(limits, default=NONE),
        min(limits, default=NONE),
        _log(min(given, asked)),
        _log(asked - given if asked > given else 0),
        _log(count(". ") + count(".\n")),
        _log(count("\n")),
        _log(count("?")),
        _log(count(",")),
        _log(count("$")),
    )


def _sections(words: list[str], unique: Collection[str], size: int) -> tuple[int, int]:
    """Where the words under the headings of input and output begin; `size` where there is no such heading."""
    given = words.index("input") if "input" in unique else words.index("입력") if "입력" in unique else size
    asked = words.index("output") if "output" in unique else words.index("출력") if "출력" in unique else size
    return given, asked


def _log(count: int) -> float:
    return _logs[count] if count < 4_096 else log(1 + count)
