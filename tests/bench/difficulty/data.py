"""The development data: read from a directory of one's own, never part of the project.

Eight files of gzipped JSON lines; which fields are used of each is in its reader. What has to be where:
docs/difficulty-report.md.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "HEADGATE_DIFFICULTY_DATA"
MISSING = f"""\
the development data is not there. Name its directory: make {{target}} DATA=DIRECTORY, or
{VARIABLE}=DIRECTORY. It holds codeforces_rated, baekjoon_tiers, livecodebench, routellm_gsm8k,
routellm_mmlu, routellm_mtbench, routerbench_sub, nsmc_reviews and korean_orders_synthetic, each as
.jsonl.gz; docs/difficulty-report.md says what is in them."""


@dataclass(frozen=True)
class Pair:
    """Rows whose outcomes with a weak and a strong variant are known, 0 … 1."""

    name: str
    rows: Sequence[dict[str, Any]]
    weak: np.ndarray[Any, Any]
    strong: np.ndarray[Any, Any]


def directory(arguments: Sequence[str], target: str) -> Path:
    """The data's directory, of the arguments or of the environment; leaves with a message without one."""
    named = next((one for one in arguments if not one.startswith("-")), os.environ.get(VARIABLE, ""))
    path = Path(named)
    if not named or not (path / "codeforces_rated.jsonl.gz").is_file():
        sys.exit(f"headgate: {MISSING.format(target=target)}")
    return path


def read(path: Path, name: str) -> list[dict[str, Any]]:
    """The rows of one file."""
    with gzip.open(path / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def digest(path: Path) -> str:
    """SHA-256 of all the files, so that a model tells what it was made from."""
    total = sha256()
    for file in sorted(path.glob("*.jsonl.gz")):
        total.update(file.name.encode())
        total.update(file.read_bytes())
    return total.hexdigest()


LIVECODEBENCH = (
    ("GPT-4O-mini-2024-07-18", "O3-Mini-2025-01-31 (Med)"),
    ("Claude-3-Haiku", "GPT-4O-2024-08-06"),
    ("GPT-4O-2024-08-06", "O1-2024-12-17 (High)"),
    ("Gemini-Flash-1.5-002", "Gemini-2.5-Pro"),
)
"""Weak and strong; what is reported of LiveCodeBench is the mean over these pairs."""


def pairs(path: Path) -> list[Pair]:
    """Every set with outcomes of two variants; contaminated rows are left out."""
    found = []
    for name in ("gsm8k", "mmlu"):
        rows = [row for row in read(path, f"routellm_{name}") if not row.get("contaminated")]
        found.append(_pair(name, rows, [row["weak"] for row in rows], [row["strong"] for row in rows]))
    rows = read(path, "routerbench_sub")
    found.append(_scored("routerbench", rows, "mistralai/mixtral-8x7b-chat", "gpt-4-1106-preview"))
    rows = read(path, "livecodebench")
    found += [_scored(f"livecodebench-{at}", rows, *names) for at, names in enumerate(LIVECODEBENCH, 1)]
    return found


def _scored(name: str, rows: list[dict[str, Any]], weak: str, strong: str) -> Pair:
    known = [row for row in rows if weak in row["scores"] and strong in row["scores"]]
    return _pair(
        name, known, [row["scores"][weak] for row in known], [row["scores"][strong] for row in known]
    )


def _pair(name: str, rows: list[dict[str, Any]], weak: list[float], strong: list[float]) -> Pair:
    return Pair(name, rows, np.array(weak, float), np.array(strong, float))
