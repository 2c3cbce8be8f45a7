"""What workers tell the control plane: an exposure a request, and the counters' deltas.

Encoded with msgpack as arrays, so that a record is small and a reader needs no field names. Appending a
field with a default keeps older readers working.
"""

from __future__ import annotations

import msgspec

from gateway.channel.spans import Spans


class Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What many exposures of a batch have in common, so that it is told, and thought about, once.

    `weight` is the chance of the assigned variant in basis points, 0 when it is not known; `status` one of
    `ok client_error upstream_error timeout cancelled shed`; `streamed` whether a stream was asked for;
    `estimated` whether tokens and cost are a guess, because the stream broke off before it told; `endpoint`
    is `chat`, `completions`, `embeddings` or `responses`.
    """

    application: str
    route: str
    segment: str
    variant: str
    served: str
    reason: str
    epoch: int
    period: int
    reference: int
    compared: str
    stratum: str
    stratum_index: int
    status: str
    weight: int
    wants_outcome: bool
    streamed: bool
    estimated: bool
    endpoint: str = "chat"


class Exposure(msgspec.Struct, array_like=True, gc=False):
    """The record of one routed request, written once, at its end; its line says the rest.

    Times are seconds, cost is USD (negative: unpriced), `sealed` is the time in the request id, in
    milliseconds since 1970 (0: it was never sealed); `trace` is the id of the trace that it belongs to, 16
    bytes, empty for none; `spans` are there where telemetry is on; `task` and `figure`
    (the estimator's own) where the text was looked at; `failure` is what became of the last attempt of a
    request that failed, with its upstream's status where that was an error: `timeout`, `denied 401`.
    """

    nonce: bytes
    time: float
    sealed: int
    unit: int
    duration: float
    first_token: float
    attempts: int
    input: int
    cached_input: int
    output: int
    reasoning: int
    cost: float
    items: int
    trace: bytes = b""
    spans: Spans | None = None
    task: str = ""
    figure: float = 0.0
    failure: str = ""


class Histogram(msgspec.Struct, array_like=True, gc=False):
    """A histogram's delta: one count a bucket (the last is +Inf), and the sum of the values.

    `bounds` are its buckets' where they are not the series' own.
    """

    counts: list[int]
    sum: float
    bounds: tuple[float, ...] = ()


class Deltas(msgspec.Struct, array_like=True, gc=False):
    """What a worker counted since its last message.

    Each mapping goes from a tuple of label values, in the order of the metric's labels, to a number.
    `gauges` are current values, not deltas; without any the worker has left.
    """

    worker: int
    """Its number, which it shares with a predecessor that is leaving and a successor."""
    counters: dict[str, dict[tuple[str, ...], float]]
    histograms: dict[str, dict[tuple[str, ...], Histogram]]
    gauges: dict[str, float]
    open_breakers: list[tuple[str, str]] = []
    """Upstream and variant."""
    lane: int = 0
    """0 or 1: which of its number's two links it reports on. Two processes never share one."""
    failed_probes: list[tuple[str, str, int]] = []
    """Route, variant, and how many probes have failed since its breaker opened."""


class Batch(msgspec.Struct, array_like=True, gc=False):
    """One message: deltas, and the exposures that somebody needs one by one, each line's to be `opened`."""

    deltas: Deltas
    exposures: list[msgspec.Raw]
    dropped: int = 0
    """Messages and exposures that were lost since the last message that was not."""

    def lines(self) -> list[tuple[Line, list[Exposure]]]:
        """The lines with their exposures. Raises msgspec.DecodeError."""
        return [opened(packed) for packed in self.exposures]


decode = msgspec.msgpack.Decoder(Batch).decode
opened = msgspec.msgpack.Decoder(tuple[Line, list[Exposure]]).decode
"""A line and its exposures. Raises msgspec.DecodeError."""
