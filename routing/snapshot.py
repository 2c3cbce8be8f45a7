"""The snapshot: the immutable compiled routing table that workers serve.

Plain frozen data and nothing else, so that a worker can hold it without the configuration's libraries,
and so that one process can hand it to another. `routing.compile` makes it from a validated configuration;
`routing.decide` reads it.

    Snapshot ── routes ──▶ Route ── segments ──▶ Segment ── assignment ──▶ Fixed | Weights | Rollout | Cascade
            │                   └── variants ──▶ Variant ── upstream (a name) ─┐
            ├── upstreams ───────────────────────────────────────────────────▶ Upstream
            └── keys ──▶ Key
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from routing.frozen import Frozen
from routing.trace import Tracing

if TYPE_CHECKING:
    from routing.difficulty.estimate import Estimator

BASIS_POINTS: Final = 10_000
"""A whole, in basis points: weights have a resolution of 0.01 %."""

ENDPOINTS: Final = frozenset(("chat", "completions", "embeddings", "responses"))
"""What a request may ask of a variant."""

NATIVE: Final = "gemini-native"
"""The provider of Gemini's native API, which configurations write as `provider: gemini, api: native`."""
TRANSLATED: Final = frozenset((NATIVE, "litellm"))
"""Providers that cannot work before litellm has been loaded."""


@dataclass(frozen=True, slots=True)
class Price(Frozen):
    """What a variant's upstream charges: USD a token (not a million), and USD a request."""

    input: float = 0.0
    cached_input: float = 0.0
    output: float = 0.0
    request: float = 0.0


@dataclass(frozen=True, slots=True)
class System(Frozen):
    """What a variant does to the system prompt: `mode` is `replace` or `prepend`."""

    mode: str
    text: str


@dataclass(frozen=True, slots=True)
class Variant(Frozen):
    """One choice in a route, ready to shape a request body.

    `hash` is the 32-bit hash of its name that the request id carries. `price` is None when nothing is known:
    unpriced, never free. `parameters` and `override` are named as the upstream knows them.
    """

    name: str
    hash: int
    upstream: str
    model: str
    price: Price | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    override: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    system: System | None = None
    endpoints: frozenset[str] = ENDPOINTS
    """The endpoints that it can serve."""


@dataclass(frozen=True, slots=True)
class Condition(Frozen):
    """One clause of a `when`.

    `subject` is `difficulty`, `gain`, `tokens`, `language`, `has`, `metadata`, `header`, `application` or
    `percent`; `name` is the metadata field or the lower-case header name, else empty; `operator` is one of
    `eq ne in gt gte lt lte exists`. `percent` has `lt` on a bucket drawn with `salt`, `gain` has `top`, both
    in basis points; `in` has a tuple of values.
    """

    subject: str
    name: str
    operator: str
    value: Any
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class Fixed(Frozen):
    """Every request of the segment gets one variant (reason `variant`)."""

    variant: Variant


@dataclass(frozen=True, slots=True)
class Weights(Frozen):
    """Sticky static weights: `bounds` holds (upper bucket bound, variant), rising to exactly 10,000."""

    bounds: tuple[tuple[int, Variant], ...]
    salt: bytes


@dataclass(frozen=True, slots=True)
class Rollout(Frozen):
    """A segment's traffic between a baseline and a candidate.

    Buckets `[0, weight)` get the candidate; buckets `low <= b < high`, the gap between the epoch's earlier
    weights in which the newest weight lies, are compared. `low == high`: nobody is.
    """

    baseline: Variant
    candidate: Variant
    weight: int
    salt: bytes
    epoch: int = 1
    period: int = 1
    reference: int = 0
    low: int = 0
    high: int = BASIS_POINTS
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class Cascade(Frozen):
    """Ask `first`, judge its answer, and `then` only if that fails.

    `rules` are the `count` validators of the route, each its type and its arguments, as MessagePack.
    """

    first: Variant
    then: Variant
    rules: bytes = b""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Shadow(Frozen):
    """Another variant, which gets copies of a segment's requests after they have been answered.

    `share` of them, in basis points, drawn for each with `salt`; `concurrency` at a time in each worker.
    """

    variant: Variant
    share: int
    salt: bytes
    concurrency: int


@dataclass(frozen=True, slots=True)
class Segment(Frozen):
    """An ordered slice of a route's traffic. `conditions` must all hold; empty: every request."""

    name: str
    hash: int
    conditions: tuple[Condition, ...]
    assignment: Fixed | Weights | Rollout | Cascade
    sample: int = BASIS_POINTS
    """The share of requests, in basis points, whose outcome is wanted."""
    sample_salt: bytes = b""
    shadow: Shadow | None = None


STEPS: Final = 12
BUCKETS: Final = {
    "codeforces": tuple(float(rating) for rating in range(1000, 3600, 200)),
    "baekjoon": (5.0, 10.0, 15.0, 20.0, 25.0, 30.0),
    "label": (1.0, 2.0, 3.0),
}
"""At which scores of the named scales are counted; of others in so many steps."""
Thresholds = Mapping[tuple[str, int], float]
"""By task and share in basis points: the figure from which on a request is among that top share."""


@dataclass(frozen=True, slots=True)
class Difficulty(Frozen):
    """A route's difficulty scale, where an explicit rating is read from, and what estimates it otherwise.

    `scale` is `codeforces`, `baekjoon`, `label` or `range`; `minimum` and `maximum` bound valid scores;
    `sources` holds (`header`, "") or (`metadata.FIELD`, FIELD) in order of preference; `strata` are rising
    bounds between bands, `labels` the bands' names (`lt1600 1600-2200 … ge2800`), one more than
    bounds. Without bounds everything is in the stratum `none`. `estimator` is None where nothing is
    estimated, or nobody would look at it. `gains` are the shares, in basis points, of
    the route's `gain` conditions, and `thresholds` what they mean at present; `onto` is the estimator's
    scale, where a rating that was given counts for them.
    """

    scale: str = "codeforces"
    minimum: float = 800.0
    maximum: float = 3500.0
    sources: tuple[tuple[str, str], ...] = (("header", ""),)
    default: float | None = None
    strata: tuple[float, ...] = ()
    estimator: Estimator | None = None
    gains: tuple[int, ...] = ()
    thresholds: Thresholds = field(default_factory=dict)
    onto: Difficulty | None = None
    labels: tuple[str, ...] = field(init=False)
    buckets: tuple[float, ...] = field(init=False)
    """Bounds at which scores are counted: a dozen over the scale."""

    def __post_init__(self) -> None:
        step = (self.maximum - self.minimum) / STEPS
        buckets = BUCKETS.get(self.scale) or tuple(self.minimum + step * at for at in range(1, STEPS + 1))
        object.__setattr__(self, "buckets", buckets)
        bounds = [str(int(bound)) if bound == int(bound) else repr(bound) for bound in self.strata]
        between = [f"{low}-{high}" for low, high in pairwise(bounds)]
        labels = (f"lt{bounds[0]}", *between, f"ge{bounds[-1]}") if bounds else ("none",)
        object.__setattr__(self, "labels", labels)


@dataclass(frozen=True, slots=True)
class Timeouts(Frozen):
    """Seconds. `first_token` and `idle` concern streams; `total` is the whole request, fallbacks included."""

    connect: float = 5.0
    first_token: float = 60.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class BreakerRule(Frozen):
    """When a route's variant is not called for a while.

    After `errors` in a row, or when at least `ratio` basis points of at least `requests` calls of the last
    minute were errors; for `pause` seconds, twice as long each time, at most `longest_pause`.
    """

    errors: int = 3
    ratio: int = 2_500
    requests: int = 30
    pause: float = 1.0
    longest_pause: float = 60.0


@dataclass(frozen=True, slots=True)
class Route(Frozen):
    """The public model name that clients send, and how it resolves.

    `after` maps a variant's name to what is tried after it: `fallbacks` without itself, and without any
    candidate that a segment's rollout has rolled back.
    """

    name: str
    hash: int
    names: tuple[str, ...]
    variants: Mapping[str, Variant]
    segments: tuple[Segment, ...]
    fallbacks: tuple[Variant, ...] = ()
    sticky: tuple[str, ...] = ()
    """Sources in order: `header`, `metadata.FIELD`, `safety_identifier`, `user`, `conversation`."""
    difficulty: Difficulty = Difficulty()
    timeouts: Timeouts = Timeouts()
    retries: int = 1
    retry_ambiguous: bool = False
    breaker: BreakerRule | None = BreakerRule()
    """None: its variants are called whatever happens."""
    captures: bool = False
    """Whether the control plane wants to see something of its requests once they are answered …"""
    judged: bool = False
    """… and whether that is what validators judge."""
    after: Mapping[str, tuple[Variant, ...]] = field(init=False)

    def __post_init__(self) -> None:
        rolled_back = {
            segment.assignment.candidate.name
            for segment in self.segments
            if isinstance(segment.assignment, Rollout) and segment.assignment.rolled_back
        }
        sound = [variant for variant in self.fallbacks if variant.name not in rolled_back]
        after = {name: tuple(variant for variant in sound if variant.name != name) for name in self.variants}
        object.__setattr__(self, "after", after)


@dataclass(frozen=True, slots=True)
class Upstream(Frozen):
    """A configured endpoint plus its credential, as its provider needs it."""

    name: str
    provider: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ca_file: str = ""
    ask_usage: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    """What only one provider understands: the simulated one's latency, pass rates and the like."""


@dataclass(frozen=True, slots=True)
class Passthrough(Frozen):
    """Which paths below `/v1` go to one upstream as they are, by their first part; `body` in bytes."""

    upstream: str
    paths: frozenset[str]
    body: int


@dataclass(frozen=True, slots=True)
class Key(Frozen):
    """An API key of an application, found by the SHA-256 digest of its text."""

    name: str
    application: str
    application_hash: int
    scopes: frozenset[str]
    routes: frozenset[str] | None = None
    """Names of the routes that the key may use; None: all."""


@dataclass(frozen=True, slots=True)
class Limits(Frozen):
    """Guards of the data port, per worker: bytes, seconds, counts."""

    body: int = 20 * 1024 * 1024
    headers: int = 32 * 1024
    header_time: float = 10.0
    body_idle: float = 10.0
    keep_alive: float = 75.0
    connections: int = 4096
    concurrency: int = 1000


@dataclass(frozen=True, slots=True)
class Cors(Frozen):
    """The origins whose pages may call (`*`: all), and the seconds that a browser may remember it."""

    origins: frozenset[str]
    max_age: float


@dataclass(frozen=True, slots=True)
class Snapshot(Frozen):
    """Everything a worker needs to serve; `revision` only grows."""

    revision: int
    routes: Mapping[str, Route]
    names: Mapping[str, Route]
    """Every public model name, route names included, to its route."""
    upstreams: Mapping[str, Upstream]
    keys: Mapping[bytes, Key]
    """SHA-256 digest of a key's text → key. Empty: only loopback is served, every scope."""
    signing_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """32-byte keys of the request id: the first seals, all open."""
    limits: Limits = Limits()
    content: bool = False
    """Whether the control plane wants to see prompts and answers."""
    features: bool = False
    """Whether it wants to see what prompts are made of."""
    cors: Cors | None = None
    response_headers: str = "full"
    lame_duck: float = 5.0
    drain: float = 30.0
    passthrough: Passthrough | None = None
    direct: Mapping[str, Route] = field(default_factory=dict)
    """Upstream's name → the route of requests for `upstream/model`: one segment, one variant, whose model is
    filled in by the request."""
    tracing: Tracing | None = None
    """None: telemetry is off."""

    @property
    def translates(self) -> bool:
        """Whether litellm is needed: a variant's upstream cannot be called without."""
        return any(
            self.upstreams[variant.upstream].provider in TRANSLATED
            for route in self.routes.values()
            for variant in route.variants.values()
        )
