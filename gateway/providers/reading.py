"""What an answer does by itself that has no quicker way to hand on its body than to be read."""

from __future__ import annotations

from collections.abc import Callable


class Reading:
    """The part of an `Answer` that follows from its `read`."""

    async def read(self) -> bytes:
        """The next bytes of the body; empty once it has ended completely."""
        raise NotImplementedError

    async def each(self, take: Callable[[bytes], bool]) -> None:
        """Hands the parts of the body to `take`, and an empty one at the end, until it returns false."""
        while take(part := await self.read()) and part:
            pass
