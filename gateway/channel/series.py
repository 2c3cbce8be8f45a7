"""The series that workers count and the control plane renders: names, labels, buckets.

Both sides read this one table, so that a worker ships bare numbers in a known order. Base units;
label values come only from the configuration or from closed sets.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = (
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0,
)  # fmt: skip
"""Whole answers and first tokens: dense where people set time-outs and read a p95."""

OVERHEAD_SECONDS = (
    0.00002, 0.00003, 0.00005, 0.00007, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.00075,
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip
"""The gateway's own share: tens of microseconds when well, milliseconds when something is wrong."""


Labels = tuple[str, ...]
"""Label values, in the order of a series' label names."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric family; `buckets` are a histogram's finite upper bounds, empty for a counter."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS = Series(
    "headgate_requests",
    "Requests that ended, by the variant assigned and the one that served.",
    ("route", "segment", "variant", "served_variant", "stratum", "status"),
)
REQUEST_DURATION = Series(
    "headgate_request_duration_seconds",
    "From a request's last byte in to its answer's last byte out.",
    ("route", "segment", "variant"),
    SECONDS,
)
FIRST_TOKEN = Series(
    "headgate_time_to_first_token_seconds",
    "From a streamed request's last byte in to its first event out.",
    ("route", "segment", "variant"),
    SECONDS,
)
OVERHEAD = Series(
    "headgate_overhead_seconds",
    "The gateway's own share of a request: its duration less the time spent waiting for upstreams.",
    (),
    OVERHEAD_SECONDS,
)
ATTEMPTS = Series(
    "headgate_attempts", "Upstream calls, by how they ended.", ("upstream", "variant", "result")
)
ATTEMPT_DURATION = Series(
    "headgate_attempt_duration_seconds", "How long upstream calls took.", ("upstream", "variant"), SECONDS
)
TOKENS = Series(
    "headgate_tokens",
    "Tokens by disjoint type: input, cached_input, output, reasoning.",
    ("route", "variant", "type"),
)
COST = Series("headgate_cost_usd", "What the upstreams charge, in USD.", ("route", "segment", "variant"))
UNPRICED = Series(
    "headgate_unpriced_requests", "Answers whose cost is unknown.", ("route", "segment", "variant")
)
ITEMS = Series("headgate_items", "Items that requests carried.", ("route", "segment", "variant"))
APPLICATION_REQUESTS = Series(
    "headgate_application_requests", "Requests of each application.", ("application", "route", "status")
)
APPLICATION_COST = Series(
    "headgate_application_cost_usd",
    "What each application's requests cost, in USD.",
    ("application", "route"),
)
DIFFICULTY_SOURCE = Series(
    "headgate_difficulty_source", "Where requests' difficulty came from.", ("route", "source")
)
DIFFICULTY_INVALID = Series(
    "headgate_difficulty_invalid", "Explicit difficulties that were ignored as invalid.", ("route",)
)
DIFFICULTY_UNESTIMATED = Series(
    "headgate_difficulty_unestimated",
    "Requests whose difficulty should have been estimated and could not be.",
    ("route", "reason"),
)
DIFFICULTY_SCORE = Series(
    "headgate_difficulty_score",
    "Difficulty of requests on their route's scale, given or estimated.",
    ("route", "source"),
)
"""Its buckets are the scale's: see `Difficulty.buckets`."""
CASCADES = Series(
    "headgate_cascades",
    "First answers of cascades, by what the validators said of them.",
    ("route", "segment", "result"),
)
PASSTHROUGH = Series(
    "headgate_passthrough_requests",
    "Requests handed on as they were: passed through, or for a stored response.",
    ("path", "status"),
)
SHADOW_REQUESTS = Series(
    "headgate_shadow_requests",
    "Copies to a segment's shadow, by how they ended; `shed`: there were too many at a time.",
    ("route", "segment", "variant", "status"),
)
SHADOW_DURATION = Series(
    "headgate_shadow_request_duration_seconds",
    "How long a shadow took for a whole answer.",
    ("route", "segment", "variant"),
    SECONDS,
)
SHADOW_COST = Series(
    "headgate_shadow_cost_usd",
    "What upstreams charge for copies, in USD; it is part of no other series.",
    ("route", "segment", "variant"),
)
SHADOW_UNPRICED = Series(
    "headgate_shadow_unpriced_requests",
    "Answers of shadows whose cost is unknown.",
    ("route", "segment", "variant"),
)
SHADOW_COUNTERS = (SHADOW_REQUESTS, SHADOW_COST, SHADOW_UNPRICED)
"""What workers count of copies, with SHADOW_DURATION."""
SHADOW_VALIDATIONS = Series(
    "headgate_shadow_validations",
    "Answers of shadows, by what the route's validators said of them.",
    ("route", "segment", "variant", "result"),
)

OUTCOMES = Series(
    "headgate_outcomes",
    "Reported outcomes, each once a request; a contradiction adds one `conflict`.",
    ("route", "segment", "variant", "metric", "value"),
)
OUTCOME_SCORE = Series(
    "headgate_outcome_score",
    "Reported scores.",
    ("route", "segment", "variant"),
    (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
VALIDATIONS = Series(
    "headgate_validations",
    "Answers judged by their route's validators, by assigned variant.",
    ("route", "variant", "result"),
)

TRANSITIONS = Series(
    "headgate_rollout_transitions",
    "Transitions of rollouts that this replica has made.",
    ("route", "segment", "from", "to", "cause"),
)

COUNTERS = (
    REQUESTS, ATTEMPTS, TOKENS, COST, UNPRICED, ITEMS, APPLICATION_REQUESTS, APPLICATION_COST,
    DIFFICULTY_SOURCE, DIFFICULTY_INVALID, DIFFICULTY_UNESTIMATED, CASCADES, PASSTHROUGH,
)  # fmt: skip
HISTOGRAMS = (REQUEST_DURATION, FIRST_TOKEN, OVERHEAD, ATTEMPT_DURATION, DIFFICULTY_SCORE)
"""What workers count."""

ALL_COUNTERS = (*COUNTERS, *SHADOW_COUNTERS, SHADOW_VALIDATIONS, OUTCOMES, VALIDATIONS, TRANSITIONS)
ALL_HISTOGRAMS = (*HISTOGRAMS, SHADOW_DURATION, OUTCOME_SCORE)
"""With what the control plane counts itself."""

INFLIGHT = "headgate_inflight_requests"
RESIDENT = "headgate_worker_resident_bytes"
REVISION = "headgate_snapshot_revision"
BREAKER_OPEN = "headgate_breaker_open"
"""Gauges that a worker reports of itself."""
