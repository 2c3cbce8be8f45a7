"""All rows, in the order of the table."""

from __future__ import annotations

from tests.chaos import clients, machine, overload, replicas, signals, streams, upstreams

ROWS = (
    *signals.ROWS,
    *upstreams.ROWS,
    *streams.ROWS,
    *clients.ROWS,
    *overload.ROWS,
    *machine.ROWS,
    *replicas.ROWS,
)
