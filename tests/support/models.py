"""Small models of difficulty, made for tests: a sum of words on a scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.difficulty.model import HeadFile, Scale, write_model

BITS = {f"bit{at}": float(2**at) for at in range(10)}
"""Words whose sums are all the numbers from 0 to 1,023."""


def spelled(number: int) -> str:
    """A text of `BITS` that weighs `number`."""
    return "please " + " ".join(word for word, weight in BITS.items() if number & int(weight))


def model(
    words: Mapping[str, float] = BITS,
    *,
    intercept: float = 1000.0,
    target: str = "rating",
    scale: Scale = Scale("codeforces", 800.0, 3500.0),  # noqa: B008
    quantiles: tuple[float, ...] = (),
    **fields: Any,
) -> bytes:
    """The content of a model file that adds the weights of a text's words to `intercept`."""
    wide = ([0.0, 8192.0], [0.0, 8192.0])
    head = HeadFile(intercept, dict(words), curve=wide, quantiles=[float(one) for one in quantiles])
    made: dict[str, Any] = {
        "name": "made", "target": target, "scale": scale, "created": "2026-11-21", "data": {},
        "metrics": {}, "tokens": "plain", "heads": {"*": head}, "gate": None,
    }  # fmt: skip
    return write_model(made | fields)
