"""The contract of a store: what replicas share, or what one machine keeps.

Every operation may be called again after it failed, and then takes effect once: a reply may get lost after
the write. None waits for a store that does not answer: it raises within half a second.

    StoreError
    ├── Unavailable   no answer, no room, refused: try again later; whether a write took effect is not known
    ├── Conflict      somebody else was first
    │   └── Fenced    the lease under which this was written is no longer the newest
    └── Tampered      what is there was not written by one of us
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from routing.evidence.cells import Evidence
from routing.evidence.fact import Facts
from routing.evidence.outcomes import Outcomes, Receipt, Report
from routing.evidence.tally import Counts

AUDIT_KEPT = 1_000
"""Entries of the audit log a rollout; the oldest go first."""


class StoreError(Exception):
    """The root of what a store raises; messages hold no secret and nothing of a URL but host and port."""


class Unavailable(StoreError):
    """The store gave no usable answer in time. A write may or may not have taken effect."""


class Conflict(StoreError):
    """Compare-and-set found another revision; `revision` is what is there, 0 for nothing."""

    def __init__(self, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.revision = revision


class Fenced(Conflict):
    """Another holder has had the lease since."""


class Tampered(StoreError):
    """The signature does not fit; `revision` is the one that is claimed."""

    def __init__(self, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.revision = revision


@dataclass(frozen=True, slots=True)
class Document:
    """A rollout's document: JSON, under a revision that only grows; `fence` is the writer's fencing token."""

    revision: int
    body: Mapping[str, Any]
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a rollout's audit log; `time` in milliseconds since 1970.

    `authentic` is false when its signature does not fit any key that is still known.
    """

    time: int
    body: Mapping[str, Any]
    authentic: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act for all replicas. `token` is larger than that of any lease of this name before it."""

    name: str
    holder: str
    token: int


class Handle(NamedTuple):
    """A request as outcomes know it: its id's time in milliseconds since 1970, and nonce."""

    time: int
    nonce: bytes


class Applied(NamedTuple):
    """What a batch of facts came to: units that changed, and whether the epoch takes no facts any more."""

    changed: int
    ended: bool


class Store(Protocol):
    """What the control plane needs of a store."""

    async def documents(self) -> dict[str, Document | None]:
        """Every rollout's document by the rollout's name; None: there is one, and it is not ours."""
        ...

    async def document(self, rollout: str) -> Document | None:
        """One document; None: there is none. Raises Tampered."""
        ...

    async def put(
        self,
        rollout: str,
        document: Document,
        *,
        expected: int,
        lease: Lease | None = None,
        entry: Entry | None = None,
    ) -> None:
        """Replaces the document of revision `expected` (0: none), and logs `entry`, or does nothing.

        Raises Conflict when another revision is there, Fenced when `lease` is not the newest of its name.
        Putting what is already there succeeds. The new revision must be above `expected`.
        """
        ...

    async def append(self, rollout: str, entry: Entry) -> None:
        """Logs `entry`, once: an entry that is already there is the same entry."""
        ...

    async def history(self, rollout: str, limit: int = AUDIT_KEPT) -> list[Entry]:
        """The newest entries, the oldest of them first."""
        ...

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease | None:
        """Takes the lease, or renews it, for `ttl` seconds; None: somebody else has it.

        A holder counts the seconds from before its call. Renewing keeps the token; taking gives a new one.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Gives it back, if it is still held."""
        ...

    async def apply(self, rollout: str, epoch: int, facts: Facts, depth: int = 3) -> Applied:
        """Folds facts into their units and the cells; `depth` is the rollout's outcomes per unit.

        Larger batches are split; after an error some parts may have taken effect.
        """
        ...

    async def count(self, rollout: str, epoch: int, sender: bytes, number: int, counts: Counts) -> None:
        """Moves the epoch's counters by `counts`, unless it has ended.

        A sender numbers what it sends from 1; what is not above its last number has been counted already.
        """
        ...

    async def evidence(self, rollout: str, epoch: int) -> Evidence:
        """The cells of one epoch; empty for one that is not known."""
        ...

    async def end_epoch(self, rollout: str, epoch: int, keep: float) -> None:
        """Takes no more facts of this epoch or an earlier one; forgets this one after `keep` seconds."""
        ...

    async def record(
        self, reports: Mapping[Handle, Sequence[Report]], ttl: float
    ) -> dict[Handle, list[Receipt]]:
        """Counts each field of a request once, for at least `ttl` seconds; a receipt a report."""
        ...

    async def outcomes(self, request: Handle) -> Outcomes:
        """What has been reported of a request."""
        ...

    async def keep_homes(self, homes: Mapping[bytes, bytes], ttl: float) -> None:
        """Keeps where stored responses live, by the responses' names, for `ttl` seconds."""
        ...

    async def home(self, name: bytes) -> bytes | None:
        """Where a response lives; None: not known, or not written by one of us."""
        ...

    async def claim(self, name: str, proposal: bytes) -> bytes:
        """The secret of this name; `proposal` if there was none. Raises Tampered.

        Whoever knows a secret proposes it, so that a store that has lost everything gets it back.
        """
        ...

    async def beat(self, replica: str, body: Mapping[str, Any], ttl: float) -> None:
        """Says that a replica lives, for `ttl` seconds, and what it has to tell."""
        ...

    async def replicas(self) -> dict[str, Mapping[str, Any]]:
        """The replicas that live, with what they said last."""
        ...

    def news(self) -> AsyncIterator[str]:
        """Names of rollouts whose documents have changed; empty: any may have.

        It does not end, and may miss some.
        """
        ...

    async def settle(self) -> None:
        """Returns when what was written before survives a loss of power, as far as that is ours to say."""
        ...

    async def sweep(self) -> None:
        """Deletes some of what is past its time; called now and then."""
        ...

    async def close(self) -> None:
        """Lets go of connections and files."""
        ...
