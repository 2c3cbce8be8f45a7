"""The document: what the store holds of a rollout. It is the truth; the configuration is the wish.

It has no clock: times are integers, milliseconds since 1970, and come from whoever calls. What it says of the
bucket line and of frozen rates is all that is needed, besides cells, to recompute any verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from routing.evidence.fact import P95
from routing.rollout.phases import Phase
from routing.rollout.state import RolloutState

Value = Literal["pass", "fail", "inconclusive"]
"""A verdict's."""
Action = Literal["hold", "promote", "rollback", "pause"]
"""What follows from a verdict."""


class InvalidDocument(Exception):
    """Not a document of this version. The message names the field and holds no value."""


class Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The baseline's share of bad answers by one metric, in all and by stratum (its index)."""

    overall: float
    strata: dict[int, float] = {}


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was frozen of the baseline: reference 1. Reference 0 is what is expected of any baseline.

    `units` is how many it was learnt from; the p95s are in seconds, None: not known.
    """

    at: int
    units: int
    rates: dict[str, Rates]
    duration: float | None = None
    first_token: float | None = None


class Passed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A safe test that has passed, for the rest of its period; with the limits that it passed."""

    at: int
    margin: float
    level: float


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time at one weight.

    Buckets `low <= b < high` are compared, those below `weight` on the candidate; weights in basis points.
    `passed` by metric.
    """

    number: int
    weight: int
    low: int
    high: int
    opened: int
    frozen: Reference | None = None
    passed: dict[str, Passed] = {}

    @property
    def chance(self) -> float:
        """w: the chance of a compared unit to be on the candidate; 0 when nobody is compared."""
        return (self.weight - self.low) / (self.high - self.low) if self.low < self.high else 0.0

    @property
    def reference(self) -> int:
        """The reference that requests get from now on."""
        return 0 if self.frozen is None else 1


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last verdict, so that its change is noticed whoever leads; `guardrails` by metric."""

    value: Value = "inconclusive"
    action: Action = "hold"
    guardrails: dict[str, Value] = {}

    def differs(self, other: Said) -> bool:
        """Whether it is news after `other`: a guardrail of which nothing was said is inconclusive."""
        return (self.value, self.action, self._told()) != (other.value, other.action, other._told())

    def _told(self) -> dict[str, Value]:
        return {name: value for name, value in self.guardrails.items() if value != "inconclusive"}


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rollout as it stands. `periods` are those of the epoch, the oldest first; there is always one.

    `stage` counts the planned stages from 1. `definition` is a hash of what the two variants are.
    """

    version: Literal[1] = 1
    route: str
    segment: str
    baseline: str
    candidate: str
    definition: str
    revision: int
    """Grows with every change of the document."""
    epoch: int
    phase: Phase
    phase_reason: str | None = None
    """Why it is paused, pending, inconclusive or rolled back: a cause, or `manual`, `start`, `cooldown`."""
    since: int
    """When the phase began, or the stage where that is later."""
    stage: int
    periods: tuple[Period, ...]
    clock: int
    """From when `max_duration` and `bake` count: the stage's beginning, put off by pauses and grants."""
    paused_from: Phase | None = None
    paused_at: int | None = None
    accepted: tuple[str, ...] = ()
    """Guardrails that only pause, which a person has resumed past in this epoch."""
    cooldown_until: int | None = None
    recommendation: Literal["promote", "rollback"] | None = None
    """What waits for a person, in the modes `recommend` and `manual`."""
    said: Said = Said()
    settled: bool = False
    """Of a promoted rollout: whether the configuration says so too."""

    @property
    def period(self) -> Period:
        """The newest."""
        return self.periods[-1]

    @property
    def weight(self) -> int:
        """The candidate's share of the traffic, in basis points."""
        return self.period.weight

    @property
    def name(self) -> str:
        """Its name in the store and in commands."""
        return f"{self.route}/{self.segment}"

    @property
    def state(self) -> RolloutState:
        """What assignment needs to know: the argument of `compile_snapshot`."""
        period = self.period
        return RolloutState(
            weight=period.weight,
            epoch=self.epoch,
            period=period.number,
            reference=period.reference,
            earlier=tuple(period.weight for period in self.periods[:-1]),
            rolled_back=self.phase == "rolled_back",
        )

    @property
    def judged(self) -> Document:
        """As it stood when it last compared somebody: what is shown of a rollout that has ended."""
        if self.phase not in ("promoted", "rolled_back"):
            return self
        known = len(self.periods)
        while known > 1 and not self.periods[known - 1].chance:
            known -= 1
        return msgspec.structs.replace(self, periods=self.periods[:known])

    @property
    def unsettled(self) -> bool:
        """Whether the configuration still has to be told of the promotion."""
        return self.phase == "promoted" and not self.settled

    def about(self, definition: str) -> bool:
        """Whether the epoch is about these variants; once its promotion is settled, it is about none."""
        return self.definition == definition and not self.settled

    def p95(self, period: int, reference: int) -> P95:
        """The p95s that a request of this period and reference is held to."""
        frozen = next((one.frozen for one in self.periods if one.number == period), None)
        if frozen is None or reference == 0:
            return P95()
        return P95(frozen.duration, frozen.first_token)

    def to_json(self) -> dict[str, Any]:
        """Plain data that JSON can hold; `from_json` gives the same document back."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> Document:
        """Reads what `to_json` wrote. Raises InvalidDocument."""
        if plain.get("version") != 1:
            raise InvalidDocument("version: written by another version of Headgate")
        try:
            document = msgspec.convert(dict(plain), Document, strict=True, str_keys=True)
        except msgspec.ValidationError as error:
            where = str(error).partition("`$")[2].strip("`.") or "a field"
            raise InvalidDocument(f"{where}: not as this version of Headgate writes it") from None
        if not document.periods:
            raise InvalidDocument("periods: there must be one")
        return document
