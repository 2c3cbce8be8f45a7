"""Advance: one look at a rollout. A pure function of document, plan, what is observed, and the time."""

from __future__ import annotations

from routing.rollout.document import Document
from routing.rollout.observed import Observed, Recent
from routing.rollout.plan import Plan
from routing.rollout.transition import Step


def advance(document: Document, plan: Plan, observed: Observed, now: int) -> Step:
    """What follows from a look at `now` (ms since 1970).

    In the order of precedence: harm rolls back (or pauses, while the baseline fails as well); faults of the
    data hold; what passed goes on; what took too long is inconclusive. At most one transition a look.
    """
    raise NotImplementedError


def breaker_tripped(document: Document, plan: Plan, baseline: Recent, now: int, replica: str = "") -> Step:
    """A replica's breaker has passed the candidate over, and its three probes failed.

    `baseline` are the baseline's last 50 requests there. Below 10 % of errors the candidate is rolled back,
    in every mode; else nothing changes, for what is broken is not the candidate alone.
    """
    raise NotImplementedError
