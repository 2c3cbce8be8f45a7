"""Latency and errors: what clients wait for and what they get, then the upstreams behind it."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from helm.dashboards.page import page_of
from helm.dashboards.panels import (
    AMBER,
    COUNT,
    PER_SECOND,
    RED,
    SECONDS,
    SHARE,
    Panel,
    Query,
    chart,
    number,
)
from helm.dashboards.promql import (
    PLACE,
    RANGE,
    ROUTE,
    SEGMENT,
    VARIANT,
    errors,
    increase,
    quantile,
    rate,
    zero,
)
from helm.dashboards.variables import Variables

_WHO = "{{route}} / {{segment}} / {{variant}}"
_UPSTREAM = "{{upstream}} / {{variant}}"
_DURATION, _FIRST = "headgate_request_duration_seconds", "headgate_time_to_first_token_seconds"
_TRIED = 'variant=~"$variant"'
"""Attempts are counted by upstream and variant, whatever the route."""
_SHED = f'{VARIANT}, status="shed"'
_LIMITS = [(0.01, AMBER), (0.05, RED)]


def page() -> Dashboard:
    """The dashboard."""
    return page_of(
        "latency",
        "Latency and errors",
        "How long answers take and how many fail, by the variant that was assigned.",
        Variables("5m", of="headgate_requests_total"),
        {
            "At a glance": _glance(),
            "Latency": [
                _quantile(0.5, _DURATION, "Half of the requests were answered whole within this time."),
                _quantile(0.95, _DURATION, "95 of 100 requests were answered whole within this time."),
                _quantile(0.99, _DURATION, "99 of 100 requests were answered whole within this time."),
                _quantile(0.95, _FIRST, "95 of 100 streams began within this time; only streams count."),
            ],
            "Errors": _errors(),
            "Upstreams": _upstreams(),
        },
    )


def _glance() -> list[Panel]:
    return [
        number(
            "Requests a second now",
            "All that is chosen above, together.",
            PER_SECOND,
            Query(rate("headgate_requests_total", ""), "requests"),
        ),
        number(
            "Failed now",
            "The share of requests that ended in an upstream's error, a time-out or overload.",
            SHARE,
            Query(errors(""), "failed"),
            limits=_LIMITS,
        ),
        number(
            "p95 now",
            "95 of 100 requests are answered whole within this time.",
            SECONDS,
            Query(quantile(0.95, _DURATION, ""), "p95"),
        ),
        number(
            "Refused for overload",
            "Requests in the time shown that were turned away because a worker was full.",
            COUNT,
            Query(zero(increase("headgate_requests_total", "", _SHED, RANGE), ""), "shed"),
            limits=[(1, RED)],
        ),
    ]


def _quantile(share: float, histogram: str, description: str) -> Panel:
    what = "Time to first token" if histogram == _FIRST else "Latency"
    return chart(f"{what}, p{share * 100:.0f}", description, SECONDS, Query(quantile(share, histogram), _WHO))


def _errors() -> list[Panel]:
    moved = rate("headgate_requests_total", f"{PLACE}, served_variant", f'{VARIANT}, served_variant!=""')
    own = f'label_join({rate("headgate_requests_total")}, "served_variant", "", "variant")'
    elsewhere = f"sum by ({PLACE}) ({moved} unless on ({PLACE}, served_variant) {own})"
    return [
        chart(
            "Requests by how they ended",
            "ok; client_error: the client's own mistake; upstream_error, timeout: no variant could answer;"
            " shed: refused for overload; cancelled: the client went away.",
            PER_SECOND,
            Query(rate("headgate_requests_total", "route, status", SEGMENT), "{{route}}: {{status}}"),
            stacked=True,
        ),
        chart(
            "Failed",
            "The share of requests that ended in upstream_error, timeout or shed: retries and fallbacks have"
            " been tried by then.",
            SHARE,
            Query(errors(), _WHO),
            limits=_LIMITS,
        ),
        chart(
            "Served by another variant",
            "The share of requests for which a fallback was tried: the assigned variant failed or is passed"
            " over.",
            SHARE,
            Query(f"({zero(elsewhere)}) / {rate('headgate_requests_total')}", _WHO),
        ),
        chart(
            "Requests by application",
            "Who asks how often, and how it ends.",
            PER_SECOND,
            Query(
                rate("headgate_application_requests_total", "application, status", ROUTE),
                "{{application}}: {{status}}",
            ),
            stacked=True,
        ),
    ]


def _upstreams() -> list[Panel]:
    calls, by = "headgate_attempts_total", "upstream, variant"
    failed = rate(calls, by, f'{_TRIED}, result!~"ok|cancelled"')
    every = rate(calls, by, _TRIED)
    return [
        chart(
            "Calls by result",
            "Upstream calls a second, retries and fallbacks included, by how they ended.",
            PER_SECOND,
            Query(rate(calls, f"{by}, result", _TRIED), f"{_UPSTREAM}: {{{{result}}}}"),
        ),
        chart(
            "Calls that failed",
            "The share of upstream calls that did not end well, whether or not another saved the request.",
            SHARE,
            Query(f"({failed} or 0 * {every}) / {every}", _UPSTREAM),
            limits=_LIMITS,
        ),
        chart(
            "Calls, p95",
            "95 of 100 upstream calls took no longer.",
            SECONDS,
            Query(quantile(0.95, "headgate_attempt_duration_seconds", by, _TRIED), _UPSTREAM),
        ),
        chart(
            "Breakers open",
            "In how many workers a variant is being passed over because it keeps failing.",
            COUNT,
            Query(f"sum by ({by}) (headgate_breaker_open{{{_TRIED}}})", _UPSTREAM),
            steps=True,
            limits=[(1, RED)],
        ),
    ]
