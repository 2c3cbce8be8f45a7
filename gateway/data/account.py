"""The account of one request: what its journey has come to, from which it is answered and recorded."""

from __future__ import annotations

from time import time_ns
from typing import Any, Final, NamedTuple

from gateway.channel.records import Line
from gateway.channel.spans import Spans
from routing.cost import Usage
from routing.decision import Decision
from routing.difficulty.explicit import UNKNOWN
from routing.request_id import Identity, Sealer, fields_of
from routing.snapshot import Key, Rollout

STATUSES: Final = ("ok", "client_error", "upstream_error", "timeout", "cancelled", "shed")


class Judged(NamedTuple):
    """The first step of a cascade: `verdict` on its answer is `passed`, `failed` or `skipped`.

    When another answer was served, `variant` gave the first one; its usage and cost come on top.
    """

    verdict: str
    variant: str = ""
    usage: Usage | None = None
    cost: float | None = None


class Account:
    """Filled along the journey; `started` and `waited` are seconds on the monotonic clock.

    `sealed` is the time in the request id, in milliseconds since 1970, and `unit` the unit in it; `status` is
    one of STATUSES; `cost` in USD, None when unknown; `served` is the variant that answered, or the last one
    tried; `passed_over` are those whose breaker was open; `endpoint` is
    the one asked, `streamed` tells whether a stream was asked for,
    `estimated` that usage was not told and is a guess; `first_token` seconds from the request to a stream's
    first event out, 0 when none; `trace` is the id of the trace that it belongs to, if any, and `spans` what
    telemetry wants to know of it, where that is on; `cascade` is there when a first answer was judged;
    `failure` says what became of the last attempt when that is what the request failed by.
    """

    def __init__(self, nonce: bytes, started: float) -> None:
        self.nonce = nonce
        self.started = started
        self.waited = 0.0
        self.request_id = ""
        self.sealed = 0
        self.unit = 0
        self.key: Key | None = None
        self.decision: Decision | None = None
        self.served = ""
        self.attempts = 0
        self.passed_over: tuple[str, ...] = ()
        self.usage: Usage | None = None
        self.cost: float | None = None
        self.first_token = 0.0
        self.items = 1
        self.endpoint = "chat"
        self.streamed = False
        self.estimated = False
        self.status = "client_error"
        self.trace = b""
        self.spans: Spans | None = None
        self.cascade: Judged | None = None
        self.failure = ""

    def identify(self, sealer: Sealer) -> None:
        """Makes the request id, once: of a routed request with what was decided."""
        if not self.request_id:
            identity: tuple[int, ...] = _UNROUTED
            if self.decision is not None and self.key is not None:
                self.sealed = time_ns() // 1_000_000
                identity = fields_of(self.decision, self.key, self.sealed)
                self.unit = identity[-1]
            self.request_id = sealer.seal(self.nonce, identity)

    def line(self) -> Line:
        """What the record of a routed request has in common with others."""
        decision, key = self.decision, self.key
        assert decision is not None and key is not None
        assignment: Any = decision.segment.assignment
        epoch = period = reference = 0
        if type(assignment) is Rollout:
            epoch, period, reference = assignment.epoch, assignment.period, assignment.reference
        difficulty = decision.difficulty
        return Line(
            key.application, decision.route.name, decision.segment.name, decision.variant.name, self.served,
            decision.reason, epoch, period, reference, decision.compared, difficulty.stratum,
            difficulty.stratum_index, self.status, decision.weight, decision.wants_outcome, self.streamed,
            self.estimated, self.endpoint,
        )  # fmt: skip

    def exposure(self, time: float, duration: float) -> tuple[object, ...]:
        """The fields of the record of a routed request; `time` is the wall clock at its end."""
        usage = self.usage or _NOTHING
        if self.cascade is not None and self.cascade.usage is not None:
            usage = usage.plus(self.cascade.usage)
        fields = (
            self.nonce, time, self.sealed, self.unit, duration, self.first_token, self.attempts, usage.input,
            usage.cached_input, usage.output, usage.reasoning, -1.0 if self.cost is None else self.cost,
            self.items,
        )  # fmt: skip
        difficulty = self.decision.difficulty if self.decision is not None else UNKNOWN
        if self.failure:
            estimate = ("", 0.0) if difficulty.gain is None else (difficulty.task, difficulty.gain)
            return (*fields, self.trace, self.spans, *estimate, self.failure)
        if difficulty.gain is not None:
            return (*fields, self.trace, self.spans, difficulty.task, difficulty.gain)
        return (*fields, self.trace, self.spans) if self.trace or self.spans is not None else fields


_NOTHING: Final = Usage(0)
_UNROUTED: Final = Identity()
