"""The newest requests of each rollout: how its baseline fares, and whether one key is most of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.channel.records import Exposure, Line
from routing.evidence.ending import Ending, failed
from routing.evidence.heavy import Heavy
from routing.request_id import is_alone
from routing.rollout.observed import Recent

LAST, AT_ONCE, AGE = 20, 50, 300.0
"""The baseline's requests looked at: by guardrails, and no older than AGE seconds; by a breaker."""


@dataclass(slots=True)
class _Rollout:
    baseline: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=AT_ONCE))
    heavy: Heavy = field(default_factory=Heavy)


class Newest:
    """By rollout."""

    def __init__(self) -> None:
        self._rollouts: dict[str, _Rollout] = {}

    def add(self, rollout: str, on_baseline: bool, line: Line, exposures: Sequence[Exposure]) -> None:
        """Requests of a rollout have ended."""
        known = self._rollouts.get(rollout)
        if known is None:
            known = self._rollouts[rollout] = _Rollout()
        if on_baseline:
            for exposure in exposures[-AT_ONCE:]:
                bad = failed(Ending(line.status, line.served == line.variant, exposure.attempts))
                if bad is not None:
                    known.baseline.append((exposure.time, bad))
        known.heavy.add([one.unit for one in exposures if not is_alone(one.unit, one.sealed)], len(exposures))

    def baseline(self, rollout: str, now: float) -> Recent:
        """The baseline's last 20 requests, none older than five minutes; `now` in seconds since 1970."""
        known = self._rollouts.get(rollout)
        last = list(known.baseline)[-LAST:] if known else []
        fresh = [bad for time, bad in last if time >= now - AGE]
        return Recent(len(fresh), sum(fresh))

    def at_once(self, rollout: str) -> Recent:
        """The baseline's last 50 requests."""
        known = self._rollouts.get(rollout)
        return Recent(len(known.baseline), sum(bad for _, bad in known.baseline)) if known else Recent()

    def largest(self, rollout: str) -> float:
        """The share of the traffic that the busiest sticky key has at least, 0 … 1."""
        known = self._rollouts.get(rollout)
        return known.heavy.share if known else 0.0
