"""Numbers as people write them: in JSON, or in a string."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

LONGEST: Final = 64
"""Characters of a string that may still be a number."""


def number_of(value: Any) -> float | None:
    """The number that a JSON value or a header's text stands for; None when it stands for none.

    A number in a string counts. Booleans, NaN, infinities and integers beyond a float's range do not.
    """
    kind = type(value)
    if kind is not str:
        if kind is not int and kind is not float:
            return None
    elif len(value) > LONGEST or "_" in value:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
