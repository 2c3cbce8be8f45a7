"""What the journal holds of reported outcomes: attributed to their requests, and not yet counted."""

from __future__ import annotations

import msgspec

from gateway.channel.outcomes import Reported
from routing.evidence.outcomes import Report
from routing.request_id import Identity

FIELDS = ("validation_passed", "needs_review", "score", "items")
"""The fields of an outcome that count once a request. A reason is a remark: it contradicts nothing."""


class Attributed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One outcome, and what its request id says: readable when the key that sealed it is gone."""

    identity: tuple[int, ...]
    nonce: bytes
    report: Reported

    @property
    def of(self) -> Identity:
        """Whose outcome it is."""
        return Identity(*self.identity)


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Outcomes that were handed in together. `time` in milliseconds since 1970.

    `id` tells them from others; `source` is `application` or `gateway`.
    """

    id: str
    time: int
    source: str
    outcomes: tuple[Attributed, ...]

    def reports(self, at: int) -> list[Report]:
        """The fields of one outcome."""
        report = self.outcomes[at].report
        given = {name: getattr(report, name) for name in FIELDS}
        return [
            Report(f"{self.id}.{at}", self.source, name, value, self.time)
            for name, value in given.items()
            if value is not None
        ]


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Entry).decode
"""Raises msgspec.DecodeError."""
