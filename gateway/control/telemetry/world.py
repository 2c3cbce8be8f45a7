"""What is being served, as far as spans tell of it.

Apart from `wire`, so that the process that sends them need not load the configuration's library.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.schema import Config
from gateway.control.telemetry.origins import origins_of
from gateway.control.telemetry.wire import World
from routing.snapshot import Rollout, Snapshot


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
