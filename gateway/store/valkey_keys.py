"""Where the Valkey store keeps what. Keys of one script share the hash tag in braces, hence a cluster's slot.

    headgate:{state}:documents            hash: rollout → revision, signed document
    headgate:{state}:leases               hash: name → token, until, holder
    headgate:{state}:secrets              hash: name → signed secret
    headgate:{state}:replicas             hash: replica → until, signed heartbeat
    headgate:{state}:audit:ROLLOUT        sorted set: signed entries by time
    headgate:{ROLLOUT}:ended              the latest epoch that has ended
    headgate:{ROLLOUT}:EPOCH:cells        hash: cell → units
    headgate:{ROLLOUT}:EPOCH:senders      hash: who counts → the number of what it sent last
    headgate:{ROLLOUT}:EPOCH:units:XX     256 hashes: unit → state
    headgate:{outcomes}:DAY:XX            256 hashes a day: request → what was reported
    headgate:home:NAME                    where a stored response lives, signed
    headgate:news                         channel: rollouts whose document has changed

Hashes are cut in 256 so that none grows so large that its expiry would hold up the server.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.store.base import Handle

SHARDS = 256
DAY = 86_400_000
"""Milliseconds."""


class Layout:
    """The names of keys; `prefix` is what keeps several deployments on one server apart."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        state = f"{prefix}:{{state}}"
        self.documents, self.leases = f"{state}:documents", f"{state}:leases"
        self.secrets, self.replicas = f"{state}:secrets", f"{state}:replicas"
        self.news = f"{prefix}:news"

    def audit(self, rollout: str) -> str:
        """A rollout's log."""
        return f"{self._prefix}:{{state}}:audit:{rollout}"

    def ended(self, rollout: str) -> str:
        """Which of a rollout's epochs take no facts any more."""
        return f"{self._prefix}:{{{rollout}}}:ended"

    def cells(self, rollout: str, epoch: int) -> str:
        """An epoch's counters."""
        return f"{self._prefix}:{{{rollout}}}:{epoch}:cells"

    def senders(self, rollout: str, epoch: int) -> str:
        """Who has moved an epoch's counters."""
        return f"{self._prefix}:{{{rollout}}}:{epoch}:senders"

    def units(self, rollout: str, epoch: int, shard: int) -> str:
        """A part of an epoch's units, by the last byte of their names."""
        return f"{self._prefix}:{{{rollout}}}:{epoch}:units:{shard:02x}"

    def outcomes(self, request: Handle) -> str:
        """The hash that holds what was reported of a request."""
        return f"{self._prefix}:{{outcomes}}:{request.time // DAY}:{request.nonce[-1]:02x}"

    def home(self, name: bytes) -> str:
        """Where a stored response lives."""
        return f"{self._prefix}:home:{name.hex()}"


class Swaps:
    """The arguments of a script that swaps values: `keys` are those it already has, others are numbered."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self._numbers: dict[str, int] = {}

    def arguments(self, values: Iterable[tuple[str, bytes, bytes, bytes]]) -> list[bytes | int]:
        """Of (hash, field, old, new): the number of the hash among the keys, and the rest."""
        arguments: list[bytes | int] = []
        for key, name, old, new in values:
            if key not in self._numbers:
                self.keys.append(key)
                self._numbers[key] = len(self.keys)
            arguments += (self._numbers[key], name, old, new)
        return arguments
