"""Folds: parts of the rows that have nothing in common, so that what is learnt is not what was copied.

Rows that share most of their wording (versions of a task, questions of one template with other numbers) are one
group and stay in one fold, and so do rows that name the same `group` or `contest`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
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
CROWD = 50
"""Texts beyond which a shingle says nothing: it is part of a template."""


def groups_of(texts: Sequence[str], named: Sequence[object | None]) -> np.ndarray[Any, Any]:
    """The group of each text, as a number; `named` are groups that the rows name themselves."""
    parents = list(range(len(texts)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    first: dict[object, int] = {}
    for at, name in enumerate(named):
        if name is not None:
            parents[root(at)] = root(first.setdefault(name, at))
    sketches = [_sketch(text) for text in texts]
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for at, sketch in enumerate(sketches):
        for shingle in sketch:
            holders[shingle].append(at)
    for crowd in holders.values():
        if 1 < len(crowd) <= CROWD:
            for at in crowd[1:]:
                left, right = sketches[crowd[0]], sketches[at]
                if len(left & right) >= ALIKE * min(len(left), len(right)):
                    parents[root(at)] = root(crowd[0])
    return np.array([root(at) for at in range(len(texts))])


def folds_of(groups: np.ndarray[Any, Any], count: int, seed: int = 0) -> Iterator[tuple[Any, Any]]:
    """Rows to learn from and rows to judge, `count` times; every row is judged once."""
    count = min(count, len(np.unique(groups)))
    yield from GroupKFold(count, shuffle=True, random_state=seed).split(groups, groups=groups)


def _sketch(text: str) -> frozenset[int]:
    words = text.lower().split()
    shingles = {" ".join(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))}
    hashes = [int.from_bytes(blake2b(shingle.encode("utf-8", "replace"), digest_size=6).digest()) for shingle in shingles]
    return frozenset(sorted(hashes)[:SKETCH])
