"""What frozen data needs in order to go from one process to another, compiled or not."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class Frozen:
    """A frozen dataclass that pickles as the call that makes it: state can be put into none that is compiled.

    Fields that follow from others are worked out again.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        given = [getattr(self, field.name) for field in fields(self) if field.init]  # type: ignore[arg-type]
        return type(self), tuple(given)
