"""Rows that are made up: difficulty hangs on a few words, and the weak variant fails on the hard ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

HARD = "tree flow modulo matching vertices".split()
EASY = "print sum hello name count".split()
FILLER = "the a of with for each given number list items please order time value".split()


def made(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with rating, weak and strong."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        hard = draw.random()
        words = [draw.choice(HARD if draw.random() < hard else EASY) for _ in range(6)]
        words += [draw.choice(FILLER) for _ in range(14)]
        draw.shuffle(words)
        rows.append(
            {
                "id": f"row-{seed}-{number}",
                "prompt": " ".join(words) + f" {draw.randrange(10**6)}",
                "rating": 900 + 2_000 * hard + draw.gauss(0, 100),
                "weak": int(draw.random() > hard),
                "strong": int(draw.random() > hard / 4),
            }
        )
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
