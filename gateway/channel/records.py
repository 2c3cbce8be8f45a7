"""What workers tell the control plane: an exposure a request, and the counters' deltas.

Encoded with msgpack as arrays, so that a record is small and a reader needs no field names. Appending a
field with a default keeps older readers working.
"""

from __future__ import annotations

import msgspec


class Exposure(msgspec.Struct, array_like=True, gc=False):
    """The record of one routed request, written once, at its end.

    Times are seconds, cost is USD (negative: unpriced), `status` one of `ok client_error upstream_error
    timeout cancelled shed`.
    """

    nonce: bytes
    time: float
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
    unit: int
    status: str
    duration: float
    first_token: float
    attempts: int
    input: int
    cached_input: int
    output: int
    reasoning: int
    cost: float
    items: int
    wants_outcome: bool
    sealed: int = 0
    """The time in the request id, in milliseconds since 1970; 0: it was never sealed."""
    stratum_index: int = 0
    streamed: bool = False
    """Whether a stream was asked for."""
    weight: int = 0
    """The chance of the assigned variant, in basis points; 0: not known."""
    estimated: bool = False
    """Whether tokens and cost are a guess: the stream broke off before it told."""


class Histogram(msgspec.Struct, array_like=True, gc=False):
    """A histogram's delta: one count a bucket (the last is +Inf), and the sum of the values."""

    counts: list[int]
    sum: float


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


class Batch(msgspec.Struct, array_like=True, gc=False):
    """One message: deltas, and the exposures that somebody needs one by one."""

    deltas: Deltas
    exposures: list[Exposure]
    dropped: int = 0
    """Messages and exposures that were lost since the last message that was not."""


class Exposures:
    """Exposures on their way into a batch: encoded one by one, so that a worker holds bytes, not objects."""

    __slots__ = ("_items", "count")

    def __init__(self) -> None:
        self._items = bytearray()
        self.count = 0

    def add(self, exposure: Exposure) -> None:
        """Takes one more."""
        _encoder.encode_into(exposure, self._items, -1)
        self.count += 1

    def encoded(self) -> msgspec.Raw:
        """The msgpack array of all of them."""
        return msgspec.Raw(b"\xdd" + self.count.to_bytes(4, "big") + self._items)


_encoder = msgspec.msgpack.Encoder()
decode = msgspec.msgpack.Decoder(Batch).decode


def encode(deltas: Deltas, exposures: Exposures, dropped: int) -> bytes:
    """A batch as a message."""
    return _encoder.encode((deltas, exposures.encoded(), dropped))
