"""Where a rollout stands, as far as assignment needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from routing.snapshot import BASIS_POINTS


@dataclass(frozen=True, slots=True)
class RolloutState:
    """The candidate's weight and what came before it; weights in basis points.

    `earlier` are the weights that the epoch used before this one, in any order. A rolled-back candidate has
    weight 0 and is nobody's fallback.
    """

    weight: int
    epoch: int = 1
    period: int = 1
    reference: int = 0
    earlier: tuple[int, ...] = ()
    rolled_back: bool = False

    @property
    def compared(self) -> tuple[int, int]:
        """The buckets `low <= b < high` whose side the newest weight decided by lot.

        The earlier weights, 0 and 10,000 cut the bucket line, and the weight lies in one gap. On a cut
        it decides nothing: the two are equal, and nobody is compared.
        """
        cuts = {0, BASIS_POINTS, *self.earlier}
        if self.weight in cuts:
            return self.weight, self.weight
        return max(cut for cut in cuts if cut < self.weight), min(cut for cut in cuts if cut > self.weight)
