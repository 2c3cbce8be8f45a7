"""Outcomes on their way: from a worker to the control plane, and what became of them on the way back."""

from __future__ import annotations

import msgspec

STATUSES = ("recorded", "duplicate", "conflict", "unknown", "expired", "invalid")
"""What can become of a reported outcome."""


class Reported(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One outcome as an application reports it; None: it does not say. `reason` is the application's word."""

    request_id: str
    validation_passed: bool | None = None
    needs_review: bool | None = None
    score: float | None = None
    items: int | None = None
    reason: str | None = None


class Handed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Outcomes handed in together, by one application (its name's hash).

    `id` is 16 hex digits, drawn at random: handed in again under the same id, they count once.
    """

    id: str
    application: int
    reports: tuple[Reported | None, ...]
    """None: not an outcome, and answered `invalid`."""


class Receipts(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What became of them, one status a report; empty: not written down, and may be handed in again."""

    id: str
    statuses: tuple[str, ...]


encode = msgspec.msgpack.Encoder().encode
decode_handed = msgspec.msgpack.Decoder(Handed).decode
decode_receipts = msgspec.msgpack.Decoder(Receipts).decode
