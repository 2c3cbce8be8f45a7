"""What the control plane and the process that sends telemetry say to each other.

What workers report goes there as it came, in messages of `Kind.BATCH`.
"""

from __future__ import annotations

import msgspec

from gateway.control.telemetry.origins import Origin


class World(msgspec.Struct, array_like=True, frozen=True):
    """What is being served, as far as spans tell of it. `stages` by route and segment, from 1; 0: not yet."""

    origins: list[Origin]
    stages: dict[tuple[str, str], int]


class Lost(msgspec.Struct, array_like=True, frozen=True):
    """Spans, and reports of figures, that could not be sent since the last time."""

    traces: int
    metrics: int


encode = msgspec.msgpack.Encoder().encode
decode_world = msgspec.msgpack.Decoder(World).decode
decode_lost = msgspec.msgpack.Decoder(Lost).decode
