"""What is known of one request: what its id says, and its exposure while that is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.channel.records import Exposure, Line
from gateway.control.event_log.making import moment
from gateway.control.exposures import Exposures
from gateway.store.base import Handle, Store
from routing.decision import COMPARED
from routing.evidence.outcomes import Outcome
from routing.request_id import Identity, Opener, nonce_of
from routing.snapshot import Snapshot

HIDDEN = frozenset(("nonce", "unit", "sealed", "stratum_index", "spans"))
"""Fields of an exposure that mean nothing outside."""


async def describe_request(
    token: str, opener: Opener, snapshot: Snapshot, exposures: Exposures, store: Store
) -> Mapping[str, object]:
    """The answer of `GET /admin/v1/requests/{request_id}`. Raises InvalidRequestId, StoreError.

    Names are looked up by their hashes in the snapshot being served; what it no longer has is null.
    """
    identity = opener.open(token)
    found = exposures.find(nonce_of(token))
    outcomes = await store.outcomes(Handle(identity.time, nonce_of(token)))
    return {
        "request_id": token,
        "request": nonce_of(token).hex(),
        **_held(identity, snapshot),
        "exposure": _readable(*found) if found else None,
        "outcomes": [_reported(outcome) for outcome in outcomes],
    }


def _held(identity: Identity, snapshot: Snapshot) -> dict[str, object]:
    route = _named(snapshot.routes.values(), identity.route)
    segment = _named(route.segments, identity.segment) if route else None
    variant = _named(route.variants.values(), identity.variant) if route else None
    callers = {key.application_hash: key.application for key in snapshot.keys.values()}
    return {
        "time": moment(identity.time / 1000) if identity.time else None,
        "application": callers.get(identity.application),
        "route": route.name if route else None,
        "segment": segment.name if segment else None,
        "variant": variant.name if variant else None,
        "epoch": identity.epoch,
        "period": identity.period,
        "reference": identity.reference,
        "compared": COMPARED[identity.compared],
        "stratum": identity.stratum,
    }


def _reported(outcome: Outcome) -> dict[str, object]:
    return {
        "field": outcome.field,
        "value": outcome.value,
        "source": outcome.source,
        "time": moment(outcome.time / 1000),
        "contradicted": bool(outcome.contradicted_by),
    }


def _named(things: Any, wanted: int) -> Any:
    return next((thing for thing in things if thing.hash == wanted), None)


def _readable(line: Line, exposure: Exposure) -> dict[str, object]:
    fields = msgspec.structs.asdict(line) | msgspec.structs.asdict(exposure)
    fields["time"] = moment(exposure.time)
    fields["trace"] = exposure.trace.hex() or None
    fields["task"], fields["figure"] = (exposure.task, exposure.figure) if exposure.task else (None, None)
    fields["cost"] = exposure.cost if exposure.cost >= 0 else None
    fields["failure"] = exposure.failure or None
    return {name: value for name, value in fields.items() if name not in HIDDEN}
