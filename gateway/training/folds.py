"""Folds: parts of the rows that have nothing in common, so that what is learnt is not what was copied.

Rows that share most of their wording are one group and stay in one fold, and so do rows that name the same
group. What many rows share is a template, and says nothing of any two of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

SHINGLE = 4
"""Words of a shingle."""
SKETCH = 48
"""Shingles that stand for a text: those with the smallest hashes (Broder 1997)."""
ALIKE = 0.6
"""Share of common shingles from which on two texts are near-duplicates."""
CROWD = 30
"""Texts beyond which a shingle is part of a template."""


class _Groups:
    """Rows that belong together (union and find)."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def of(self, row: int) -> int:
        parents = self._parents
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    def join(self, rows: Iterable[int]) -> None:
        first, *others = map(self.of, rows)
        for other in others:
            self._parents[self.of(other)] = self.of(first)


def groups_of(texts: Sequence[str], named: Sequence[object | None]) -> np.ndarray[Any, Any]:
    """The group of each text, as a number; `named` are groups that the rows name themselves."""
    groups = _Groups(len(texts))
    members: defaultdict[object, list[int]] = defaultdict(list)
    for row, name in enumerate(named):
        if name is not None:
            members[name].append(row)
    for rows in members.values():
        groups.join(rows)
    for left, right in _alike([_shingles(text) for text in texts]):
        groups.join((left, right))
    return np.array([groups.of(row) for row in range(len(texts))])


def folds_of(groups: np.ndarray[Any, Any], count: int, seed: int = 0) -> Iterator[tuple[Any, Any]]:
    """Rows to learn from and rows to judge, `count` times; every row is judged once."""
    count = min(count, len(np.unique(groups)))
    yield from GroupKFold(count, shuffle=True, random_state=seed).split(groups, groups=groups)


def _alike(shingles: Sequence[frozenset[bytes]]) -> Iterator[tuple[int, int]]:
    """Pairs of near-duplicates, enough of them to connect all that are alike."""
    counts = Counter(one for text in shingles for one in text)
    sketches = [frozenset(sorted(one for one in text if counts[one] <= CROWD)[:SKETCH]) for text in shingles]
    holders: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, sketch in enumerate(sketches):
        for shingle in sketch:
            holders[shingle].append(row)
    for first, *others in holders.values():
        for other in others:
            smaller = min(len(sketches[first]), len(sketches[other]))
            if len(sketches[first] & sketches[other]) >= ALIKE * smaller:
                yield first, other


def _shingles(text: str) -> frozenset[bytes]:
    words = text.lower().split()
    starts = range(max(1, len(words) - SHINGLE + 1))
    parts = (" ".join(words[at : at + SHINGLE]).encode("utf-8", "replace") for at in starts)
    return frozenset(blake2b(part, digest_size=6).digest() for part in parts)
