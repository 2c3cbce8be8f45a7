"""All rows, in the order of the table."""

from __future__ import annotations

from tests.chaos import clients, endurance, machine, overload, replicas, signals, store, streams, upstreams

ROWS = (
    *signals.ROWS, *store.ROWS, *upstreams.ROWS, *streams.ROWS, *clients.ROWS, *overload.ROWS, *machine.ROWS,
    *replicas.ROWS, *endurance.ROWS,
)  # fmt: skip
