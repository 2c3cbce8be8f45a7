"""Gateway health: the processes themselves, whatever the models do."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from helm.dashboards.page import page_of
from helm.dashboards.panels import (
    AMBER,
    BYTES,
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
from helm.dashboards.promql import INTERVAL, RANGE, increase, quantile, rate, zero
from helm.dashboards.variables import Variables

_BUILD = "headgate_build_info"
_OVERHEAD = "headgate_overhead_seconds"
_REPLICA = "{{instance}}"


def page() -> Dashboard:
    """The dashboard."""
    return page_of(
        "health",
        "Gateway health",
        "Replicas, workers and the gateway's own share of a request.",
        Variables("5m"),
        {"At a glance": _glance(), "Requests": _requests(), "Processes": _processes(), "Control": _control()},
    )


def _glance() -> list[Panel]:
    return [
        number(
            "Replicas",
            "Gateways that Prometheus reaches.",
            COUNT,
            Query(f"count({_BUILD})", "replicas"),
            width=4,
        ),
        number(
            "Workers",
            "Worker processes that are alive in all of them.",
            COUNT,
            Query("count(headgate_worker_resident_bytes)", "workers"),
            width=4,
        ),
        number(
            "Version",
            "How many replicas run which version.",
            COUNT,
            Query(f"count by (version) ({_BUILD})", "{{version}}"),
            width=4,
        ),
        number(
            "Edits refused",
            "Edits of the configuration in the time shown that were invalid: the last good one serves on.",
            COUNT,
            Query(increase("headgate_config_reload_failures_total", "", "", RANGE), "refused"),
            width=4,
            limits=[(1, AMBER)],
        ),
        number(
            "Events lost",
            "Workers' messages and records lost in the time shown: counts and evidence miss them.",
            COUNT,
            Query(increase("headgate_dropped_events_total", "", "", RANGE), "lost"),
            width=4,
            limits=[(1, RED)],
        ),
        number(
            "Breakers open",
            "Variants that are being passed over, counted in each worker.",
            COUNT,
            Query("sum(headgate_breaker_open)", "open"),
            width=4,
            limits=[(1, RED)],
        ),
    ]


def _requests() -> list[Panel]:
    return [
        chart(
            "The gateway's own share of a request",
            "What a request took less the time spent waiting for upstreams.",
            SECONDS,
            *(Query(quantile(share / 100, _OVERHEAD, "", ""), f"p{share}") for share in (50, 95, 99)),
        ),
        chart(
            "Requests being answered",
            "At the moment of the scrape, in each replica.",
            COUNT,
            Query("headgate_inflight_requests", _REPLICA),
            stacked=True,
        ),
        chart(
            "Requests by replica",
            "How evenly the load is spread.",
            PER_SECOND,
            Query(rate("headgate_requests_total", "instance", ""), _REPLICA),
            stacked=True,
        ),
        chart(
            "Refused for overload",
            "Requests a second that were turned away because a worker was full.",
            PER_SECOND,
            Query(
                zero(rate("headgate_requests_total", "instance", 'status="shed"'), "instance", ""), _REPLICA
            ),
        ),
    ]


def _processes() -> list[Panel]:
    ours = f"and on (job, instance) {_BUILD}"
    return [
        chart(
            "Workers by replica",
            "Worker processes that were heard of within three seconds.",
            COUNT,
            Query("count by (instance) (headgate_worker_resident_bytes)", _REPLICA),
            steps=True,
        ),
        chart(
            "Memory of workers",
            "What each worker holds; while one is being replaced, both.",
            BYTES,
            Query("headgate_worker_resident_bytes", f"{_REPLICA} worker {{{{worker}}}}"),
        ),
        chart(
            "Memory of the control plane",
            "What the process behind the admin port holds.",
            BYTES,
            Query(f"process_resident_memory_bytes {ours}", _REPLICA),
        ),
        chart(
            "Processor time of the control plane",
            "Of one processor.",
            SHARE,
            Query(f"rate(process_cpu_seconds_total[{INTERVAL}]) {ours}", _REPLICA),
        ),
    ]


def _control() -> list[Panel]:
    return [
        chart(
            "Configuration served",
            "The revision that the slowest worker of each replica serves; it grows with every edit.",
            COUNT,
            Query("headgate_snapshot_revision", _REPLICA),
            steps=True,
        ),
        chart(
            "Age of the configuration",
            "How long the present revision has been served.",
            SECONDS,
            Query("headgate_snapshot_age_seconds", _REPLICA),
        ),
        chart(
            "Where difficulty comes from",
            "Requests a second by the source of their difficulty, which decides on their segment.",
            PER_SECOND,
            Query(rate("headgate_difficulty_source_total", "route, source", ""), "{{route}}: {{source}}"),
            stacked=True,
        ),
        chart(
            "Difficulties that were no number",
            "Requests a second whose difficulty was given and could not be used.",
            PER_SECOND,
            Query(zero(rate("headgate_difficulty_invalid_total", "route", ""), "route", ""), "{{route}}"),
        ),
    ]
