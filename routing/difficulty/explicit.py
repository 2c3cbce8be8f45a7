"""The difficulty that a request states itself: in its header, or in its metadata."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

from routing.decision import Score
from routing.difficulty.scales import rating_of
from routing.snapshot import Difficulty

HEADER: Final = b"x-headgate-difficulty"

UNKNOWN: Final = Score(None, "none", "none")
INVALID: Final = Score(None, "none", "none", invalid=True)


def explicit_score(difficulty: Difficulty, headers: Mapping[bytes, bytes], body: Mapping[str, Any]) -> Score:
    """The first valid rating among the route's sources, else its default, else unknown.

    A source that is empty or null states nothing; one that holds anything but a valid rating is ignored
    and makes the score `invalid`.
    """
    invalid = False
    for source, field in difficulty.sources:
        value: Any
        if not field:
            if HEADER not in headers or not headers[HEADER]:
                continue
            value = headers[HEADER].decode("utf-8", "replace")
        else:
            metadata = body.get("metadata")
            value = metadata.get(field) if type(metadata) is dict else None
            if value is None or value == "":
                continue
        rating = rating_of(difficulty, value)
        if rating is not None:
            return _score(difficulty, rating, source, invalid)
        invalid = True
    if difficulty.default is not None:
        return _score(difficulty, difficulty.default, "default", invalid)
    return INVALID if invalid else UNKNOWN


def placed(difficulty: Difficulty, value: float) -> tuple[float, str, int]:
    """A difficulty, its stratum and the stratum's index."""
    if not difficulty.strata:
        return value, "none", 0
    band = bisect_right(difficulty.strata, value)
    return value, difficulty.labels[band], band + 1


def _score(difficulty: Difficulty, rating: float, source: str, invalid: bool) -> Score:
    value, stratum, index = placed(difficulty, rating)
    return Score(value, source, stratum, index, invalid)
