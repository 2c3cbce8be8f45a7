"""Tokens: what a text is made of, for whoever weighs it; training and estimating share them.

A word is a run of Latin letters and digits, and `10^5` is one. Of a Hangul word the first two syllables
count: most stems have two, and particles hang behind them. Other letters are cut into pairs, because some
scripts put no space between words. `<` stands for however "at most" was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from math import log10
from typing import NamedTuple

LARGEST = 19.0
"""The largest magnitude that is told apart: beyond 64 bits."""
REMEMBERED = 4_096
"""Numbers whose magnitude is remembered."""
MOST = 30
"""Bounds of a text that are looked for."""
STEM = 2
"""Syllables of a Hangul word that count."""

_letters = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "^" else 32 for code in range(128)
)
_table = _letters + b" " * 128
_foreign = re.compile(r"[\u0370-\u1fff\u3040-\ud7ff\uf900-\ufaff]")
_word = re.compile(
    rf"[a-z0-9^]+|\b[가-힣]{{1,{STEM}}}|[\u0370-\u10ff\u1200-\u1fff\u3040-\ua4cf\uf900-\ufaff]{{1,2}}"
)
_korean = re.compile(rf"[a-z0-9^]+|\b[가-힣]{{1,{STEM}}}")
_bound = re.compile(r"[\s$]*(?:(\d{1,9})\s*[*·×x⋅]\s*)?(\d[\d,]*(?:\^\{?\d+)?)")
_trailing = re.compile(r"[\W\d_]+$")


class Tokens(NamedTuple):
    """`words` in their order; `text` is lower-case, with TeX's commands written out."""

    text: str
    words: list[str]
    bounds: list[tuple[str, float]]
    """The variable and the magnitude of everything that is said to be bounded from above."""


def tokens_of(text: str) -> Tokens:
    """The tokens of a lower-case, composed text."""
    if "\\" in text:
        text = (
            text.replace("\\left", "").replace("\\leq", "<").replace("\\le", "<").replace("<slant", "<")
            .replace("\\cdot", "*").replace("\\times", "*").replace("\\,", "")
        )  # fmt: skip
    if ",000" in text:
        text = text.replace(",000", "000")
    if text.isascii():
        words = text.encode().translate(_table, b"{}").decode().split()
    else:
        text = text.replace("≤", "<")
        found = _foreign.search(text)
        if found is None:
            words = text.encode("ascii", "replace").translate(_table, b"{}").decode().split()
        else:
            cut = _korean if found[0] >= "가" else _word
            words = cut.findall(text.replace("{", "").replace("}", "") if "{" in text else text)
    return Tokens(text, words, list(_bounds(text)) if "<" in text else [])


def _bounds(text: str) -> Iterator[tuple[str, float]]:
    before, *parts = text.split("<", MOST)
    for part in parts:
        match = _bound.match(part, 1 if part[:1] == "=" else 0)
        if match is not None:
            times, number = match.groups()
            value = magnitude(number) + (log10(int(times) or 1) if times else 0.0)
            if value > 0:
                yield _trailing.sub("", before[-16:])[-1:], min(value, LARGEST)
        before = part


@lru_cache(REMEMBERED)
def magnitude(number: str) -> float:
    """The decimal logarithm of a token that begins with a digit, at most LARGEST; -1 of zero, 0 of no
    number."""
    base, power, exponent = number.partition("^")
    base, ten, more = base.partition("e")
    digits, exponent = base.replace(",", "").lstrip("0"), exponent.lstrip("{")
    if not digits:
        return -1.0
    if not (digits.isdecimal() and (exponent or "1").isdecimal() and (more or "1").isdecimal()):
        return 0.0
    value = log10(int(digits[:18])) + max(len(digits) - 18, 0)
    if power and exponent:
        value *= int(exponent[:4])
    elif ten and more:
        value += int(more[:4])
    return min(value, LARGEST)


def band(value: float) -> float:
    """A magnitude, to half a decade; above ten million to a whole one."""
    return int(value * 2 + 0.1) / 2 if value < 7 else float(int(value + 0.05))
