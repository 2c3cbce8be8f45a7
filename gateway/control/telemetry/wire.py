"""What the control plane and the process that sends telemetry say to each other.

What workers report goes there as it came, in messages of `Kind.BATCH`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from config.schema import Config
from gateway.control.telemetry.origins import Origin, origins_of
from routing.snapshot import Rollout, Snapshot


class World(msgspec.Struct, array_like=True, frozen=True):
    """What is being served, as far as spans tell of it. `stages` by route and segment, from 1; 0: not yet."""

    origins: list[Origin]
    stages: dict[tuple[str, str], int]


class Lost(msgspec.Struct, array_like=True, frozen=True):
    """Spans, and reports of figures, that could not be sent since the last time."""

    traces: int
    metrics: int


def world_of(config: Config, snapshot: Snapshot) -> World:
    """From what is being served."""
    return World(origins_of(snapshot.upstreams.values()), dict(_stages(config, snapshot)))


def _stages(config: Config, snapshot: Snapshot) -> Mapping[tuple[str, str], int]:
    found = {}
    for route in snapshot.routes.values():
        for segment, part in zip(route.segments, config.routes[route.name].parts, strict=True):
            if isinstance(segment.assignment, Rollout) and part.rollout is not None:
                weight, stages = segment.assignment.weight, part.rollout.stages
                reached = (at for at, stage in enumerate(stages, 1) if stage.weight >= weight)
                found[route.name, segment.name] = next(reached, len(stages)) if weight else 0
    return found


encode = msgspec.msgpack.Encoder().encode
decode_world = msgspec.msgpack.Decoder(World).decode
decode_lost = msgspec.msgpack.Decoder(Lost).decode
